"""What `stemd install-service` knows: `files` says what goes where, `program` what runs, `ledger` what was written."""
