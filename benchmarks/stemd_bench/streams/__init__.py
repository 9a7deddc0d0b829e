"""`stemd bench streams`: how many streams one daemon serves, how fairly, and how their cost grows."""
