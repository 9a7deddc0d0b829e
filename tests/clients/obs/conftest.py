from tests.clients.obs.stage import script

__all__ = ["script"]
