"""`stemd bench compare`: what changed between two runs of a suite, and how much of that is noise."""
