"""What `stemd top` shows and turns: pure views of the daemon's state, and a thin shell around them (extra `top`)."""
