"""Everything that owns a resource or a clock: sockets, streams in time, pacing, lifecycle."""
