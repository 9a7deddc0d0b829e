"""`stemd export`: hands its arguments to the exporter, which has its own package."""

import argparse


def run(options: argparse.Namespace) -> int:
    """Run the exporter."""
    from stemd_export.cli import run as export  # noqa: PLC0415 - another distribution's extra

    return export(options.arguments)
