"""Window plans as people type them."""

from stemd.errors import PlanError
from stemd.protocol import Plan


def parse_plan(text: str | None) -> Plan | str | None:
    """`65536,22528,1024,8192` as four numbers, anything else as a name.

    Raises:
        PlanError: there are commas, but not four whole numbers.
    """
    if text is None or "," not in text:
        return text
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().isdecimal() for part in parts):
        raise PlanError(f"plan {text!r} is not four numbers of frames: segment,hop,overlap,lookahead")
    segment, hop, overlap, lookahead = (int(part) for part in parts)
    return Plan(segment, hop, overlap, lookahead)
