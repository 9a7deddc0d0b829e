"""How well a stem was separated: the daemon's own `stemd tune` scores likewise."""

from stemd.separation.scoring import sdr

__all__ = ["sdr"]
