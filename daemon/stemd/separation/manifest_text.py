"""Manifests as TOML text: the same manifest gives the same bytes, laid out to be read."""

import json
import textwrap
from typing import Any, Final

import msgspec

from stemd.separation.manifest import Manifest

_WIDTH: Final = 100


def to_toml(manifest: Manifest) -> str:
    """The manifest as TOML that `load_manifest` reads back to an equal one; `None` and empty lists are left out."""
    lines: list[str] = []
    _table(lines, "", msgspec.to_builtins(manifest))
    return "\n".join(lines).strip() + "\n"


def _table(lines: list[str], prefix: str, table: dict[str, Any]) -> None:
    deeper = []
    for key, value in table.items():
        if isinstance(value, dict) or _is_tables(value):
            deeper.append((f"{prefix}{key}", value))
        elif value not in (None, [], ()):
            lines.append(f"{key} = {_value(value)}")
    for name, value in deeper:
        for item in [value] if isinstance(value, dict) else value:
            lines += ["", f"[{name}]" if isinstance(value, dict) else f"[[{name}]]"]
            _table(lines, f"{name}.", item)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and isinstance(value[0], dict)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _text(text: str) -> str:
    # JSON's escapes are TOML's, but for DEL, which TOML wants escaped.
    line = json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
    if len(line) <= _WIDTH or " ".join(text.split()) != text:
        return line
    wrapped = textwrap.wrap(line[1:-1], _WIDTH, break_long_words=False, break_on_hyphens=False)
    return '"""\\\n' + " \\\n".join(wrapped) + '"""'
