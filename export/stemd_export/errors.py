"""What can go wrong while a checkpoint becomes a graph."""

from stemd.errors import StemdError


class ExportError(StemdError):
    """A checkpoint could not be fetched, read or converted; nothing was written."""

    code = "export"
