"""SVG that can stand in an HTML page beside others: ids of its own, nothing that reaches beyond it."""

import re
import xml.etree.ElementTree as ET  # what is read is what matplotlib wrote a moment ago
from typing import Final

from stemd_bench.plots import Plot

_REFERENCE: Final = re.compile(r"url\(#([^)]+)\)")
_LEFT_OUT: Final = {"metadata", "style"}
# What matplotlib says in a style sheet, which would hold for the whole page.
_STYLE: Final = "stroke-linejoin:round;stroke-linecap:butt"


def inline(plot: Plot, prefix: str) -> str:
    """The picture as an element of HTML.

    Args:
        plot: to be shown.
        prefix: of all its ids; each picture of a page needs another one.
    """
    root = ET.fromstring(plot.svg)  # noqa: S314 - our own
    used = {name for element in root.iter() for name in _references(element)}
    for element in root.iter():
        _clean(element, prefix, used)
    for parent in list(root.iter()):
        for child in [child for child in parent if child.tag in _LEFT_OUT]:
            parent.remove(child)
    for size in ("width", "height", "version"):
        root.attrib.pop(size, None)
    root.attrib |= {"role": "img", "aria-label": plot.title, "style": _STYLE}
    return ET.tostring(root, encoding="unicode", short_empty_elements=False)


def _references(element: ET.Element) -> list[str]:
    found = []
    for name, value in element.attrib.items():
        if _local(name) == "href":
            found.append(value.removeprefix("#"))
        found += _REFERENCE.findall(value)
    return found


def _clean(element: ET.Element, prefix: str, used: set[str]) -> None:
    """Take namespaces off, which HTML does not know, and put the prefix before each id that is referred to."""
    element.tag = _local(element.tag)
    attributes = {}
    for key, value in element.attrib.items():
        name = _local(key)
        if name == "id" and value not in used:
            continue
        if name == "id":
            attributes[name] = f"{prefix}-{value}"
        elif name == "href":
            attributes[name] = f"#{prefix}-{value.removeprefix('#')}"
        else:
            attributes[name] = _REFERENCE.sub(rf"url(#{prefix}-\1)", value)
    element.attrib.clear()
    element.attrib |= attributes


def _local(name: str) -> str:
    return name.rpartition("}")[2]
