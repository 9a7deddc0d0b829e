"""Whatever a manifest says, its text says it too."""

from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from stemd.separation.manifest import Manifest, load_manifest
from stemd.separation.manifest_text import to_toml
from stemd_export.spleeter import facts

SHIPPED = facts.manifest("0" * 64)


def reloaded(manifest: Manifest) -> Manifest:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "manifest.toml"
        file.write_bytes(to_toml(manifest).encode())
        return load_manifest(file)


def test_the_shipped_manifest_survives_its_text() -> None:
    assert reloaded(SHIPPED) == SHIPPED


def test_lists_and_several_specialists_survive() -> None:
    entries = [
        {"stems": ["drums", "bass"], "file": "a.onnx", "sha256": "a" * 64},
        {"stems": ["vocals"], "file": "b.onnx", "sha256": "b" * 64},
    ]
    tree = msgspec.to_builtins(SHIPPED) | {"kind": "hybrid", "segments": {"exact": [230_400, 346_112]}}
    manifest = msgspec.convert(tree | {"specialists": entries}, Manifest)
    assert reloaded(manifest) == manifest


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
prose = st.lists(st.sampled_from(["a", 'say "', "back\\slash", "'''", '"""', "ü", "\x7f", "long" * 20]), min_size=1)


@given(words, prose.map(" ".join))
@example("spaces", "two  spaces" * 20)
@example("newlines", "a long line\nand another " * 20)
@example("quotes", 'say "no" and "yes" \\ ' * 20 + '"')
def test_any_text_survives(short: str, long: str) -> None:
    licence = msgspec.structs.replace(SHIPPED.licence, code=short, evidence=long)
    manifest = msgspec.structs.replace(SHIPPED, licence=licence, version=long)
    assert reloaded(manifest) == manifest
    assert to_toml(manifest) == to_toml(reloaded(manifest))
