"""The page as one file of HTML: style and pictures within it, no scripts, nothing fetched."""

import re
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from stemd_bench.pages import machines, published, vector
from stemd_bench.pages.chapters import Chapter, Page
from stemd_bench.plots import Plot

_TEMPLATES: Final = "templates"
_CODE: Final = re.compile("`([^`]+)`")


def html(page: Page) -> str:
    """The page."""
    environment = Environment(
        loader=PackageLoader("stemd_bench.pages", _TEMPLATES),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["spans"] = spans
    style = files(__package__).joinpath(_TEMPLATES, "style.css").read_text("utf-8")
    return environment.get_template("page.html").render(
        page=page,
        style=Markup(style),  # noqa: S704 - our own file
        picture=picture,
        in_words=machines.in_words,
        engines=machines.engines,
        warning=published.WARNING,
    )


def picture(chapter: Chapter, plot: Plot) -> Markup:
    """The plot as an element, with ids that no other has."""
    return Markup(vector.inline(plot, f"{chapter.anchor}-{plot.name}"))  # noqa: S704 - drawn by us, all text escaped


def spans(text: str) -> Markup:
    """Text, with what stands between backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped
