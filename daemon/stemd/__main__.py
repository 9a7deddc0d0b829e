"""`python -m stemd` is the `stemd` command."""

import sys

from stemd.cli import main

sys.exit(main())
