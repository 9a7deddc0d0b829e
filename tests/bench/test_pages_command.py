"""`stemd bench report` on the command line: what it reads, runs, keeps, writes and refuses."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from stemd.cli import main
from stemd_bench import command
from stemd_bench.pages import readme, taking
from stemd_bench.reading import read
from stemd_bench.report import as_json
from stemd_bench.results import SCHEMA_VERSION, Report
from tests.bench.reports import latency, network, other, quality, streams
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
README, COMMITTED = ROOT / "README.md", ROOT / "docs" / "benchmarks"


def write(path: Path, report: Report) -> Path:
    path.write_text(as_json(report), "utf-8")
    return path


def test_files_are_drawn_into_a_folder_the_same_each_time(tmp_path: Path) -> None:
    files = [str(write(tmp_path / f"{r.suite}.json", r)) for r in (network(), other())]
    for name in ("a", "b"):
        assert main(["bench", "report", *files, "--out", str(tmp_path / name)]) == 0
    written = {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    assert written == {path.name: path.read_bytes() for path in (tmp_path / "b").iterdir()}
    plots = {"network-speed.svg", "network-choices.svg", "network-memory.svg"}
    assert written.keys() == {"index.html", "report.md", "readme.md", *plots}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"{", "is no JSON"),
        (b"[1]", "is no report of `stemd bench`"),
        (b'{"suite": "x"}', "is no report of `stemd bench` \\(.*quick"),
        (b'{"schema_version": 99, "new": 1}', "newer stemd \\(schema 99"),
        (b"\xff\xfe", "is no JSON"),
    ],
)
def test_what_is_no_report_is_refused_by_name(
    content: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = write(tmp_path / "good.json", other()), tmp_path / "bad.json"
    bad.write_bytes(content)
    assert main(["bench", "report", str(good), str(bad), "--out", str(tmp_path / "out")]) == 78
    [line] = capsys.readouterr().err.splitlines()
    assert str(bad) in line
    assert re.search(said, line), line
    assert not (tmp_path / "out").exists()


def test_a_report_of_a_newer_schema_is_refused_though_it_looks_well(tmp_path: Path) -> None:
    newer = msgspec.structs.replace(other(), schema_version=SCHEMA_VERSION + 1)
    assert main(["bench", "report", str(write(tmp_path / "n.json", newer)), "--out", str(tmp_path / "out")]) == 78
    assert main(["bench", "report", str(tmp_path / "absent.json"), "--out", str(tmp_path / "out")]) == 78


def test_a_report_that_lacks_what_its_plots_want_is_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hollow = msgspec.structs.replace(latency(), variants=(*other().variants,))
    assert main(["bench", "report", str(write(tmp_path / "l.json", hollow)), "--out", str(tmp_path / "out")]) == 78
    assert "latency: its plots want" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--suites", "nothing"], ["--suites", ","]])
def test_suites_that_are_none_are_refused(wrong: list[str], tmp_path: Path) -> None:
    assert main(["bench", "report", *wrong, "--out", str(tmp_path)]) == 78


@pytest.mark.parametrize("option", [["--quick"], ["--again"], ["--suites", "network"]])
def test_with_files_nothing_is_measured(option: list[str], tmp_path: Path) -> None:
    file = str(write(tmp_path / "x.json", other()))
    assert main(["bench", "report", file, *option, "--out", str(tmp_path / "out")]) == 78


class TestReadme:
    def test_figures_go_between_two_lines_and_nothing_else_changes(self, tmp_path: Path) -> None:
        target = tmp_path / "README.md"
        target.write_text(f"# A\n\n{readme.BEGIN}\nold\n{readme.END}\n\nB\n", "utf-8")
        file = str(write(tmp_path / "network.json", network()))
        command = ["bench", "report", file, "--out", str(tmp_path / "out"), "--readme", str(target)]
        assert main(command) == 0
        once = target.read_text("utf-8")
        assert once.startswith(f"# A\n\n{readme.BEGIN}\n")
        assert once.endswith(f"{readme.END}\n\nB\n")
        assert readme.inside(once) == readme.figures([network()]) == (tmp_path / "out" / "readme.md").read_text("utf-8")
        assert main(command) == 0
        assert target.read_text("utf-8") == once

    def test_ends_of_lines_stay_what_they_are(self, tmp_path: Path) -> None:
        target, file = tmp_path / "README.md", str(write(tmp_path / "network.json", network()))
        target.write_bytes(f"# A\r\n\r\n{readme.BEGIN}\r\n{readme.END}\r\nB\r\n".encode())
        command = ["bench", "report", file, "--out", str(tmp_path / "out"), "--readme", str(target)]
        assert main(command) == 0
        once = target.read_bytes()
        assert once.startswith(b"# A\r\n\r\n<!--")
        assert once.endswith(b"-->\r\nB\r\n")
        assert once.count(b"\n") == once.count(b"\r\n") > 10
        assert main(command) == 0
        assert target.read_bytes() == once

    def test_reports_without_figures_for_it_leave_it_as_it_is(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        target, file = tmp_path / "README.md", str(write(tmp_path / "x.json", other()))
        target.write_text(text := f"{readme.BEGIN}\nold\n{readme.END}\n", "utf-8")
        assert main(["bench", "report", file, "--out", str(tmp_path / "out"), "--readme", str(target)]) == 78
        assert target.read_text("utf-8") == text
        assert "left as it is; of counting it shows no figures" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "text", ["", readme.BEGIN, f"{readme.END} {readme.BEGIN}", f"{readme.BEGIN * 2}{readme.END}"]
    )
    def test_a_file_without_the_lines_is_refused_before_anything_is_done(self, text: str, tmp_path: Path) -> None:
        target, file = tmp_path / "README.md", str(write(tmp_path / "x.json", other()))
        target.write_text(text, "utf-8")
        assert main(["bench", "report", file, "--out", str(tmp_path / "out"), "--readme", str(target)]) == 78
        assert target.read_text("utf-8") == text
        assert not (tmp_path / "out").exists()

    def test_command_and_machine_stand_beside_the_figures(self) -> None:
        text = readme.figures([network(), other()])
        assert "(`stemd bench network`, Z80, 2 cores, 0.1 GiB; stemd 0, 1976-07-01):" in text
        assert "| stemd in onnxruntime | 5.25 (5 to 5.50) | 0.43" in text
        assert "turns" not in text

    def test_each_suite_gives_its_rows(self) -> None:
        text = readme.figures([latency(), quality(), streams()])
        rows = [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if line.startswith("| ")]
        assert rows == [
            *("", "---", "plan auto", "plan studio"),
            *("", "---", "auto", "a point"),
            *("", "---", "Spleeter, live", "Spleeter, roomy"),
        ]
        assert text.count("Z80") == 3

    def test_what_is_in_the_readme_is_what_the_committed_reports_give(self) -> None:
        text = README.read_text("utf-8")
        if readme.BEGIN not in text:
            pytest.skip("the README has no figures of reports")
        reports = [read(path) for path in sorted(COMMITTED.glob("*.json"))]
        assert readme.inside(text) == readme.figures(reports), (
            "stemd bench report docs/benchmarks/*.json --readme README.md"
        )


def suites(folder: Path, **scripts: str) -> tuple[tuple[str, ...], Path]:
    """A command whose suites are these scripts, and the file in which each call of it leaves a line."""
    calls, program = folder / "calls", folder / "bench.py"
    calls.touch()
    cases = "\n".join(f"    case {name!r}:\n        {script}" for name, script in scripts.items())
    program.write_text(
        "import sys, pathlib, signal, time\n"
        "name, target = sys.argv[1], pathlib.Path(sys.argv[-1])\n"
        f"with open({str(calls)!r}, 'a') as file:\n    print(*sys.argv[1:-1], file=file)\n"
        f"match name:\n{cases}\n"
    )
    return (sys.executable, str(program)), calls


class TestTaking:
    def test_each_suite_runs_once_what_fails_is_named_and_the_rest_goes_on(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        good = write(tmp_path / "good.json", other("soak"))
        copy = f"target.write_bytes(pathlib.Path({str(good)!r}).read_bytes())"
        bench, calls = suites(
            tmp_path,
            network="sys.exit('stemd: this needs the package torch')",
            live="sys.exit(3)",
            soak=copy,
            workers="target.write_text('{')",
        )
        monkeypatch.setattr(taking, "BENCH", bench)
        out = tmp_path / "out"
        line = ["bench", "report", "--suites", "network,live,workers,soak", "--out", str(out)]
        assert main(line) == 1
        text = (out / "index.html").read_text("utf-8")
        assert "<strong>network</strong>: this needs the package torch" in text
        assert "<strong>live</strong>: it ended with status 3 and said nothing" in text
        assert "<strong>workers</strong>" in text
        assert calls.read_text().split("\n")[:2] == ["network --json", "live --json"]
        assert {path.name for path in out.iterdir() if path.suffix != ".svg"} == {
            *("index.html", "report.md", "readme.md", "soak.json")
        }, "no part of what failed"

        assert main(line) == 1
        assert calls.read_text().count("soak") == 1, "what is there is not run again"
        assert calls.read_text().count("network") == 2
        assert "soak: there already" in capsys.readouterr().err
        assert main([*line, "--again"]) == 1
        assert calls.read_text().count("soak") == 2

    def test_a_quick_run_does_not_take_a_full_one_s_place(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        bench, calls = suites(tmp_path, workers="sys.exit(1)")
        monkeypatch.setattr(taking, "BENCH", bench)
        kept = write(tmp_path / "workers.json", other("workers"))
        before = kept.read_bytes()
        line = ["bench", "report", "--suites", "workers", "--out", str(tmp_path)]
        assert main([*line, "--quick"]) == 78
        assert f"{kept} is of a full run and a quick one is asked for" in capsys.readouterr().err
        assert calls.read_text() == ""
        assert main([*line, "--quick", "--again"]) == 78, "nothing is left to be shown"
        assert calls.read_text() == "workers --quick --json\n"
        assert kept.read_bytes() == before

    def test_another_suite_s_report_does_not_take_its_place(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        bench, calls = suites(tmp_path, quality="sys.exit(1)")
        monkeypatch.setattr(taking, "BENCH", bench)
        kept = write(tmp_path / "quality.json", other("curve"))
        assert main(["bench", "report", "--suites", "quality", "--out", str(tmp_path)]) == 78
        assert f"{kept} is a report of curve, not of quality" in capsys.readouterr().err
        assert calls.read_text() == ""

    def test_every_suite_is_asked_for_by_default(self) -> None:
        assert taking.chosen(None) == tuple(command.SUITES)
        assert taking.chosen("live, network,live") == ("live", "network")

    @pytest.mark.skipif(os.name != "posix", reason="by signals")
    def test_stopped_it_stops_the_suite_and_leaves_nothing_half_done(self, tmp_path: Path) -> None:
        mark, out = tmp_path / "stopped", tmp_path / "out"
        stop = f"signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path({str(mark)!r}).touch(), sys.exit(143)))"
        bench, calls = suites(tmp_path, workers=f"{stop}; target.write_text('{{'); time.sleep(60)")
        words = ["bench", "report", "--suites", "workers", "--out", str(out)]
        code = (
            "from stemd.cli import main; from stemd_bench.pages import taking; import sys;"
            f"taking.BENCH = {bench!r}; sys.exit(main({words!r}))"
        )
        with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as process:
            try:
                wait_until((out / ".workers.json.part").exists, "the suite has begun")
                process.send_signal(signal.SIGTERM)
                assert process.wait(30) == 143
            finally:
                process.kill()
        assert calls.read_text() == "workers --json\n"
        assert mark.exists()
        assert not list(out.iterdir())


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_real_suite_is_run_kept_and_shown(tmp_path: Path) -> None:
    line = ["bench", "report", "--quick", "--suites", "soak", "--out", str(tmp_path)]
    assert main(line) == 0
    found = read(tmp_path / "soak.json")
    assert found.command == "stemd bench soak --quick"
    text = (tmp_path / "index.html").read_text("utf-8")
    assert all(variant.name in text for variant in found.variants)
    before = (tmp_path / "soak.json").stat().st_mtime_ns
    assert main(line) == 0
    assert (tmp_path / "soak.json").stat().st_mtime_ns == before
