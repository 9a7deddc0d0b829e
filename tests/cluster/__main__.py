"""Tells the story of a cluster, prints what happened phase by phase, and says which laws do not hold.

python -m tests.cluster [direct] [balanced] [real]
"""

import argparse
import signal
import sys

from stemd_bench.cluster.server import tritonserver
from stemd_bench.results import Skipped
from tests.cluster import laws, network
from tests.cluster.table import show
from tests.cluster.variants import VARIANTS, broken, perform
from tests.system_parts import install_line, missing


def main() -> int:
    """Tell the variants that are named, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__.partition("\n")[0])
    parser.add_argument("variants", nargs="*", choices=VARIANTS, help="default: all")
    wanted = parser.parse_args().variants or list(VARIANTS)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that what was made is taken away
    if reason := absent():
        print(f"stemd: {reason}", file=sys.stderr)
        return 1
    faults = []
    for name in wanted:
        variant = VARIANTS[name]
        account = perform(variant)
        show(account, f"{name}: {variant.title}", ("one", "two"))
        if reason := laws.unfit(account):
            print(f"This machine was too busy for this to show anything: {reason}.")
        faults += [f"{name}: {fault}" for fault in broken(variant, account)]
    print("\n".join(faults) or "Every law holds.", flush=True)
    return 1 if faults else 0


def absent() -> str:
    """What keeps this machine from it, in words."""
    if parts := missing(("iproute2", "haproxy")):
        return f"missing: {', '.join(parts)}; {install_line(parts)}"
    program = tritonserver()
    return program.reason if isinstance(program, Skipped) else network.obstacle()


if __name__ == "__main__":
    sys.exit(main())
