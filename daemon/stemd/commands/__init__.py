"""What the subcommands do; `stemd.cli` holds their arguments."""
