"""stemd takes music apart while it plays: mixture in, stems out, at a latency that is declared and kept."""

from importlib.metadata import version

__version__ = version("stemd")
