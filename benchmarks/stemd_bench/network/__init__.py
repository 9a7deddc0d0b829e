"""`stemd bench network`: one HT-Demucs segment in everything that can run it. The suite is in `suite`.

What processes of their own import must stay small, so nothing is imported here.
"""
