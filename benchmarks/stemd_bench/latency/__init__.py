"""`stemd bench latency`: from a frame's capture to the receive call, and where that time goes."""
