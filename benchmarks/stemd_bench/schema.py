"""The JSON schema of a report. `python -m stemd_bench.schema` writes `schema.json` anew from the types."""

import json
from pathlib import Path
from typing import Any, Final

import msgspec

from stemd_bench.results import Report

SCHEMA: Final = Path(__file__).with_name("schema.json")


def schema() -> dict[str, Any]:
    """The schema as the types have it (JSON Schema 2020-12)."""
    described = msgspec.json.schema(Report)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "stemd bench report"} | described


def text() -> str:
    """The schema as `schema.json` holds it."""
    return json.dumps(schema(), indent=2) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(text(), "utf-8")
