"""Manifests as TOML text, as stemd itself writes them."""

from stemd.separation.manifest_text import to_toml

__all__ = ["to_toml"]
