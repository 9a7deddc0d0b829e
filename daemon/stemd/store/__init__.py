"""The user's models: how they are fetched, imported, checked and removed."""
