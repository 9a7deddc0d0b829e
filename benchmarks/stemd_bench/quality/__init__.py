"""`stemd bench quality`: what separation gives, offline and through a real daemon, by every window plan."""
