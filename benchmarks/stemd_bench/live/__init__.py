"""`stemd bench live`: the latency of a realtime stream, what keeps it, and what it costs in quality."""
