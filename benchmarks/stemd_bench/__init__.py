"""What stemd costs and how well it does: the demo, and the benchmarks behind `stemd bench`."""
