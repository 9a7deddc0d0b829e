"""What may become of asking an endpoint, but for an answer."""

from stemd.errors import InferenceError


class EndpointLostError(InferenceError):
    """Nobody answers there."""


class EndpointLateError(InferenceError):
    """There was no answer in time: it may be lost, or only have too much to do."""
