"""`stemd bench soak`: one stream for a long time, with listeners that come and go."""
