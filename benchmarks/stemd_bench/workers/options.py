"""What can be asked of `stemd bench workers`."""

import argparse

from stemd_bench.suite import Suite
from stemd_bench.workers import Workers


def suite(arguments: argparse.Namespace) -> Suite:
    """What the command line asks for."""
    return Workers(quick=arguments.quick)
