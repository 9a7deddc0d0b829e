"""Laws of the model manifest: what is wrong is refused with its place, and with what to do."""

import hashlib
from pathlib import Path

import pytest

from stemd.errors import ModelLoadError
from stemd.separation.manifest import Manifest, Segments, load_manifest, verify

GRAPH = b"a network"
TEXT = f"""\
name = "two-stems"
version = "1"
kind = "mask"
sample_rate = 44100

[[specialists]]
stems = ["vocals"]
file = "vocals.onnx"
sha256 = "{hashlib.sha256(GRAPH).hexdigest()}"

[[specialists]]
stems = ["drums", "bass"]
file = "rhythm.onnx"
sha256 = "{hashlib.sha256(GRAPH).hexdigest()}"

[segments]
multiple = 1024
minimum = 65536
maximum = 1048576

[live]
segment = 131072
hop = 11264
overlap = 1024
lookahead = 8192

[studio]
segment = 346112
hop = 258048
overlap = 86016
lookahead = 2048

[licence]
code = "MIT"
weights = "MIT"
evidence = "a letter"
commercial = "unclear"

[origin]
weights = "made up"
project = "https://example.org"
paper = "none"

[parity]
reference = "itself"
max_abs_diff = 0
method = "equality"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "manifest.toml").write_text(TEXT, "utf-8")
    for name in ("vocals.onnx", "rhythm.onnx"):
        (tmp_path / name).write_bytes(GRAPH)
    return tmp_path


def load(folder: Path, old: str = "", new: str = "") -> Manifest:
    """The manifest with one passage replaced."""
    assert TEXT.count(old) == 1 or not old
    file = folder / "manifest.toml"
    file.write_text(TEXT.replace(old, new) if old else TEXT, "utf-8")
    return load_manifest(file)


def test_folder_and_file_name_the_same_manifest(folder: Path) -> None:
    manifest = load_manifest(folder)
    assert manifest == load_manifest(folder / "manifest.toml")
    assert manifest.stems == ("vocals", "drums", "bass")
    verify(folder, manifest)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("sample_rate = 44100", "samplerate = 44100", "unknown key 'samplerate' (did you mean 'sample_rate'?)"),
        ("commercial =", "comercial =", "unknown key 'licence.comercial' (did you mean 'commercial'?)"),
        ("[studio]", "[stuido]", "unknown key 'stuido' (did you mean 'studio'?)"),
        ('file = "rhythm.onnx"', 'fil = "r"', "unknown key 'specialists[1].fil' (did you mean 'file'?)"),
        ("max_abs_diff = 0", "max_dif = 0", "unknown key 'parity.max_dif' (did you mean 'max_abs_diff'?)"),
        ("multiple = 1024", "zzz = 1024", "unknown key 'segments.zzz' (known: exact, maximum, minimum, multiple)"),
    ],
)
def test_an_unknown_key_is_refused_with_its_place_and_the_nearest_name(
    folder: Path, old: str, new: str, words: str
) -> None:
    with pytest.raises(ModelLoadError) as fault:
        load(folder, old, new)
    assert str(fault.value) == f"{folder / 'manifest.toml'}: {words}"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("sample_rate = 44100", "", "sample_rate"),
        ("sample_rate = 44100", 'sample_rate = "44100"', "$.sample_rate"),
        ("sample_rate = 44100", "sample_rate = 1000", "$.sample_rate"),
        ('kind = "mask"', 'kind = "magic"', "$.kind"),
        ('name = "two-stems"', 'name = "two stems"', "$.name"),
        ('name = "two-stems"', f'name = "{"x" * 65}"', "$.name"),
        ('name = "two-stems"', 'name = "two-stems\\n"', "$.name"),
        ('stems = ["drums", "bass"]', "stems = []", "$.specialists[1].stems"),
        ('stems = ["drums", "bass"]', 'stems = ["drums", "vocals"]', "stem 'vocals' is named twice"),
        ('file = "rhythm.onnx"', 'file = "../rhythm.onnx"', "must be a plain name"),
        ('file = "rhythm.onnx"', 'file = "C:\\\\rhythm.onnx"', "must be a plain name"),
        ('file = "rhythm.onnx"', 'file = ".."', "must be a plain name"),
        ("lookahead = 8192", "lookahead = 1024", "lookahead must be at least 2048"),
        ("hop = 11264", "hop = 11025", "hop must be a multiple of 1024"),
        ("overlap = 86016", "overlap = 86000", "overlap must be a multiple of 1024"),
        ("overlap = 1024", "overlap = 12288", "overlap must lie between 0 and hop"),
        ("hop = 258048", "hop = 259072", "must not exceed segment"),
        ("segment = 131072", "segment = 64512", "live.segment = 64512 is not among `segments`"),
        ("multiple = 1024", "exact = [1024]", "not both"),
        ("maximum = 1048576", "", "all of `multiple`"),
        ("maximum = 1048576", "maximum = 65535", "no multiple"),
        ('commercial = "unclear"', 'commercial = "maybe"', "$.licence.commercial"),
    ],
)
def test_what_cannot_be_is_refused(folder: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(ModelLoadError) as fault:
        load(folder, old, new)
    assert str(fault.value).startswith(f"{folder / 'manifest.toml'}: ")
    assert words in str(fault.value)
    assert "\n" not in str(fault.value)


def test_what_nobody_measured_may_be_left_out(folder: Path) -> None:
    (folder / "manifest.toml").write_text(TEXT.partition("[parity]")[0], "utf-8")
    assert load_manifest(folder).parity is None


def test_only_masks_are_bound_to_the_spectrogram_grid(folder: Path) -> None:
    text = TEXT.replace('kind = "mask"', 'kind = "hybrid"').replace("lookahead = 8192", "lookahead = 7")
    (folder / "manifest.toml").write_text(text, "utf-8")
    assert load_manifest(folder).live.lookahead == 7


@pytest.mark.parametrize(
    ("segments", "taken", "refused"),
    [
        (Segments(exact=(343_980,)), [343_980], [0, 343_979, 343_981, 687_960]),
        (Segments(multiple=1024, minimum=2048, maximum=5000), [2048, 3072, 4096], [0, 1024, 2049, 5000, 5120]),
        (Segments(multiple=1000, minimum=1500, maximum=3000), [2000, 3000], [1000, 1500, 4000]),
    ],
)
def test_segments_accept_their_lengths_and_no_other(segments: Segments, taken: list[int], refused: list[int]) -> None:
    assert list(segments.lengths()) == taken
    assert all(map(segments.accepts, taken))
    assert not any(map(segments.accepts, refused))


def test_no_manifest_and_no_toml_are_named(folder: Path) -> None:
    file = folder / "manifest.toml"
    for content, words in ((b"name = ", "is not TOML"), (b"\xff\xfe\x00", "is not TOML"), (None, "no such file")):
        file.unlink() if content is None else file.write_bytes(content)
        with pytest.raises(ModelLoadError, match=words) as fault:
            load_manifest(file)
        assert str(fault.value).startswith(str(file))


@pytest.mark.parametrize("content", [GRAPH[:-1], GRAPH + b"\0", b"A network", b""])
def test_a_damaged_file_is_named_with_what_to_do(folder: Path, content: bytes) -> None:
    (folder / "rhythm.onnx").write_bytes(content)
    with pytest.raises(ModelLoadError, match="damaged or replaced") as fault:
        verify(folder, load_manifest(folder))
    assert str(fault.value).startswith(f"{folder / 'rhythm.onnx'}: ")
    assert "reinstall stemd, or fetch or export the model 'two-stems' again" in str(fault.value)


def test_a_missing_file_is_named_with_what_to_do(folder: Path) -> None:
    (folder / "rhythm.onnx").unlink()
    with pytest.raises(ModelLoadError, match="missing, though manifest") as fault:
        verify(folder, load_manifest(folder))
    assert str(fault.value).startswith(f"{folder / 'rhythm.onnx'}: ")
    assert "reinstall" in str(fault.value)
