"""The page of `stemd bench report` and its Markdown: all that was measured is in it, and nothing is fetched."""

import json
import re
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest

from stemd_bench.pages import machines, published
from stemd_bench.pages.chapters import Page, page, remarks
from stemd_bench.pages.html import html
from stemd_bench.pages.markdown import code, escaped, markdown
from stemd_bench.pages.tables import of_report
from stemd_bench.reading import read
from stemd_bench.results import Distribution, Report, Skipped
from tests.bench.reports import MACHINE, latency, network, other, report, variant

COMMITTED = sorted((Path(__file__).parents[2] / "docs" / "benchmarks").glob("*.json"))
VOID = {"meta", "br", "hr", "img", "input", "link"}


class Outline(HTMLParser):
    """What a browser would find: ids, what is referred to, headings in their order, and tags that are not closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.ids: list[str] = []
        self.links: list[tuple[str, str, str]] = []
        self.headings: list[int] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words: list[str] = []
        self.pictures = 0
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, "left open"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        assert len(known) == len(attrs), "an attribute twice"
        self.tags.add(tag)
        self.attributes |= known.keys()
        self.ids += [known["id"]] if "id" in known else []
        self.links += [(tag, name, known[name]) for name in ("href", "src", "xlink:href", "action") if name in known]
        self.pictures += known.get("role") == "img" and bool(known.get("aria-label"))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def shown(*reports: Report) -> Page:
    return page(reports, [Skipped("soak", "no time")])


@cache
def both() -> Page:
    """Drawing takes a second."""
    return shown(network(), other())


@cache
def thrice() -> Page:
    return shown(network(), network(), other())


def test_every_variant_aim_and_reason_is_on_the_page_and_in_markdown() -> None:
    text, plain = Outline(html(both())).text, markdown(both())
    for found in (network(), other()):
        for word in (
            *(v.name for v in found.variants),
            *(said.aim for said in found.conclusions),
            *(s.name for s in found.skipped),
            found.command,
        ):
            assert word in text
            assert escaped(word) in plain or word in plain
    assert "NOT MET" in text
    assert "not tried" in text
    assert "soak : no time" in text


@pytest.mark.parametrize("path", COMMITTED or [None], ids=lambda path: path.stem if path else "none")
def test_what_is_committed_can_be_shown_whole(path: Path | None) -> None:
    if path is None:
        pytest.skip("docs/benchmarks holds no report")
    found = read(path)
    outline = Outline(html(page([found])))
    assert {v.name for v in found.variants if v.name not in outline.text} == set()
    assert len(outline.ids) == len(set(outline.ids))


def test_ids_are_unique_and_every_reference_within_the_page_is_met() -> None:
    outline = Outline(html(thrice()))
    assert outline.pictures == 6
    assert len(outline.ids) == len(set(outline.ids))
    local = {link.removeprefix("#") for _, _, link in outline.links if link.startswith("#")}
    assert local <= set(outline.ids)
    assert {"glance", "verdicts", "network", "network-2", "counting", "peers", "published", "machines"} <= local


def test_the_page_stands_alone() -> None:
    text = html(both())
    outline = Outline(text)
    assert outline.tags.isdisjoint({"script", "link", "iframe", "object", "embed", "img", "base", "form"})
    assert not {name for name in outline.attributes if name.startswith("on")}
    away = {(tag, link) for tag, _, link in outline.links if not link.startswith("#")}
    assert away == {("a", figure.url) for figure in published.figures()}
    assert "@import" not in text
    assert text.count("<style") == 1, "a picture's would hold for the whole page"
    assert {*re.findall(r"url\(([^)]*)", text)} <= {f"#{name}" for name in outline.ids}


def test_headings_follow_one_another() -> None:
    levels = Outline(html(both())).headings
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))


def test_what_a_file_says_is_text_and_never_markup() -> None:
    evil = "<script>alert(1)</script>"
    found = report(
        evil,
        variant(f"{evil} | x", {}, **{evil: 1.0}),
        machine=msgspec.structs.replace(MACHINE, processor=evil),
        command=evil,
        method=(f"`{evil}`",),
        remarks=(evil, f" {evil}"),
        skipped=(Skipped(evil, evil),),
        headings=({evil: evil},),
    )
    text, plain = html(page([found], [Skipped(evil, evil)])), markdown(page([found], [Skipped(evil, evil)]))
    assert "<script" not in text
    assert Outline(text).text.count(evil) >= 9
    outside = re.sub(r"(?ms)^```text$.*?^```$|(`+).*?\1", "", plain)
    assert not re.search(r"(?<!\\)<", outside)


def test_the_same_reports_give_the_same_bytes_in_any_order() -> None:
    first, second = both(), shown(other(), network())
    assert html(first) == html(second)
    assert markdown(first) == markdown(second)


def test_every_row_of_a_markdown_table_has_as_many_cells() -> None:
    found = report("bars", variant("a | b", {}, **{"x | y": 1.0}), headings=({"x | y": "x | y"},))
    tables = re.findall(r"(?m)(?:^\|.*\|$\n?)+", markdown(both()) + markdown(shown(found)))
    assert len(tables) >= 8
    for table in tables:
        counts = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(counts) == 1, table


def test_markdown_shows_each_plot_by_its_file() -> None:
    found = thrice()
    names = [plot.name for chapter in found.chapters for plot in chapter.plots]
    assert len(names) == len(set(names)) == 6
    assert re.findall(r"!\[.*\]\((.*)\.svg\)", markdown(found)) == names


def test_suites_that_are_not_there_leave_nothing_behind() -> None:
    outline = Outline(html(page([report("counting")])))
    assert "Verdicts" in outline.text
    assert not {"Networks", "Left out", "Soak"} & set(outline.words)
    bare = page([report("counting", conclusions=())])
    assert bare.facts == ()
    assert "Verdicts" not in Outline(html(bare)).text
    assert "At a glance" not in markdown(bare)


def test_tables_are_those_of_the_headings_and_one_of_what_is_in_none() -> None:
    odd = variant("odd", {}, length=[4.0])
    [first, rest] = of_report(report("x", *other().variants, odd, headings=other().headings))
    assert first.columns == ("", "turns (ms)")
    assert [[str(cell) for cell in row] for row in first.rows] == [["one", "2 (1 to 3)"]]
    assert rest.columns == ("", "length (ms)")
    assert [row[0].text for row in rest.rows] == ["odd"]


def test_headings_of_two_lines_repeat_their_group_and_units_are_said_once() -> None:
    headings = {"a": "late\np50", "b": "\np99", "c": "load ms", "a:high": "worst"}
    [table] = of_report(report("x", variant("v", {}, a=[1.0, 2.0], b=3.0, c=4.0), headings=(headings,)))
    assert table.columns == ("", "late p50 (ms)", "late p99 (ms)", "load ms", "worst (ms)")
    assert [str(cell) for cell in table.rows[0]] == ["v", "1.50", "3", "4", "2"], "the range is a column already"


def test_a_distribution_is_shown_by_its_percentiles() -> None:
    row = msgspec.structs.replace(variant("v", {}), distributions={"late": Distribution.of(np.arange(101.0), "ms")})
    [table] = of_report(report("x", row, headings=({"late": "late\np50", "late:p99": "\np99"},)))
    assert [cell.text for cell in table.rows[0]] == ["v", "50", "99"]


def test_remarks_in_columns_keep_their_lines() -> None:
    assert remarks(("a", "b", "", "head", "  1 #", "  2 ##", "", "c")) == [
        ("a", False),
        ("b", False),
        ("head\n  1 #\n  2 ##", True),
        ("c", False),
    ]


def test_what_is_drawn_in_letters_gives_way_to_a_plot() -> None:
    lines = ("It is fast.", "", "blocks", "  1 #")
    with_plots, without = (page([msgspec.structs.replace(found, remarks=lines)]) for found in (network(), other()))
    assert with_plots.chapters[0].remarks == (("It is fast.", False),)
    assert without.chapters[0].remarks == (("It is fast.", False), ("blocks\n  1 #", True))


def said(*reports: Report) -> str:
    return " ".join(machines.warnings(reports))


def test_other_machines_versions_short_runs_and_company_are_said_first() -> None:
    replace, here, away = msgspec.structs.replace, other("here"), other("away")
    assert said(here, away) == ""
    elsewhere = replace(away, machine=replace(MACHINE, processor="6502"))
    assert "different machines" in said(here, elsewhere)
    assert "away on 6502" in said(here, elsewhere)
    newer = replace(away, machine=replace(MACHINE, stemd="9", packages={"numpy": "3", "onnxruntime": "1.32.0"}))
    assert "different versions: stemd 0 (here), 9 (away); numpy 2 (here), 3 (away)." in said(here, newer)
    assert "Quick" in said(replace(away, quick=True))
    assert "trust ratios" in said(replace(away, machine=replace(MACHINE, others=0.4)))
    for text in (html(page([here, elsewhere])), markdown(page([here, elsewhere]))):
        assert text.index("different machines") < text.index("At a glance")


def test_markdown_leaves_text_as_it_is() -> None:
    assert escaped("R&amp;D for $5 to $6 | [x](y) *a_b*") == (r"R\&amp;D for \$5 to \$6 \| \[x\](y) \*a\_b\*")
    assert code("stemd bench") == "`stemd bench`"
    assert code("`a` | b `") == "`` `a` | b ` ``", "a backtick at an end is none of the fence"


def test_what_others_published_is_marked_and_has_its_source() -> None:
    found = published.figures()
    assert {"HS-TasNet", "RT-STT", "HT-Demucs", "vstSpleeter"} <= {figure.who for figure in found}
    assert all(figure.url.startswith("https://") and 2015 < figure.year < 2030 for figure in found)
    for text in (html(both()), markdown(both())):
        assert published.WARNING in text
    assert not {row[0].text for row in published.table().rows} & {v.name for v in latency().variants}


def test_reports_of_an_older_schema_are_shown(tmp_path: Path) -> None:
    old = json.loads(msgspec.json.encode(other()))
    for key in ("command", "headings"):
        del old[key]
    for one in old["variants"]:
        del one["distributions"]
    old["schema_version"] = 1
    (tmp_path / "old.json").write_text(json.dumps(old))
    text = Outline(html(page([read(tmp_path / "old.json")]))).text
    assert "turns (ms) one 2 (1 to 3)" in text
    assert "two : nothing was measured" in text


def test_two_reports_of_one_suite_are_told_apart() -> None:
    whole = page([network(), network()])
    assert whole.verdicts is not None
    assert {row[0].text for row in whole.verdicts.rows} == {"network", "network, 2"}
    assert [row[0].text for row in whole.runs.rows] == ["network", "network, 2"]
