"""`stemd bench cluster`: networks on servers elsewhere, what the way there costs, and how many streams servers hold."""
