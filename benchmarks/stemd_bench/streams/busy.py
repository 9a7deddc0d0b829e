"""`python -m stemd_bench.streams.busy`: a process that only computes, until stdin is closed."""

import sys
import threading


def main() -> None:
    """See the module."""
    over = threading.Event()

    def wait() -> None:
        sys.stdin.buffer.read()
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    while not over.is_set():
        pass


if __name__ == "__main__":
    main()
