"""Seeing in: what monitoring may read of a daemon that runs, and what it logs."""
