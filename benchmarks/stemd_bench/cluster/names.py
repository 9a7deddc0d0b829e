"""What the cases of `stemd bench cluster` are called."""

from typing import Final

HERE: Final = "here"
GRPC: Final = "gRPC"
SHARED: Final = "shared memory"
WAYS: Final = (HERE, GRPC, SHARED)
"""How a segment gets to what runs it."""
