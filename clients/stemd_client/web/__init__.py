"""`stemd web`: a small server between browsers and the daemon. `serving.py` runs it, `page/` is for browsers."""
