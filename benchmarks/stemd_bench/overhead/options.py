"""What can be asked of `stemd bench overhead`."""

import argparse

from stemd_bench.overhead import Overhead
from stemd_bench.suite import Suite


def suite(arguments: argparse.Namespace) -> Suite:
    """What the command line asks for."""
    return Overhead(quick=arguments.quick)
