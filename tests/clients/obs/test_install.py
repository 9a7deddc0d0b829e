"""Laws of the script's folder: whole or as it was, and nobody else's."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stemd.cli import main
from stemd.errors import ConfigError, StemdError
from stemd_client.obs import folders
from stemd_client.obs.install import PACKAGES, install, remove
from stemd_client.obs.websocket import Access, configured, merged

THIS = f"{sys.version_info.major}.{sys.version_info.minor}"


def fetched(packages: Path, python: str, requirements: list[str]) -> None:
    (packages / "fetched.json").write_text(json.dumps([python, requirements]))


def unreachable(packages: Path, python: str, requirements: list[str]) -> None:
    raise StemdError("no way there")


def test_the_folder_has_the_script_and_asks_for_what_the_base_install_needs(tmp_path: Path) -> None:
    made = install(tmp_path / "deep" / "stemd", "3.13", fetched)
    assert made.script.read_text() == Path(folders.__file__).with_name("stemd_obs.py").read_text()
    python, requirements = json.loads((made.script.parent / PACKAGES / "fetched.json").read_text())
    assert python == "3.13"
    names = {each.partition(">")[0] for each in requirements}
    assert names == {"numpy", "pyzmq", "msgpack"}


def test_what_is_installed_imports_alone(tmp_path: Path) -> None:
    """Only the three packages beside it, which are here already."""
    packages = install(tmp_path / "stemd", THIS, fetched).script.parent / PACKAGES
    probe = (
        f"import sys; sys.path.insert(0, {str(packages)!r})\n"
        "import stemd_client.obs.feed, stemd_client.obs.libobs, stemd\n"
        "print(stemd.__file__, stemd_client.__file__, stemd.__version__)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=True)
    daemon, client, _ = done.stdout.split()
    assert Path(daemon).is_relative_to(packages)
    assert Path(client).is_relative_to(packages)
    assert not list(packages.rglob("stemd/service"))


def test_a_second_time_replaces_the_first_and_removing_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "stemd"
    install(folder, "3.11", fetched)
    (folder / PACKAGES / "old.py").touch()
    install(folder, "3.12", fetched)
    assert not (folder / PACKAGES / "old.py").exists()
    assert remove(folder)
    assert list(tmp_path.iterdir()) == []
    assert not remove(folder)


def test_what_stands_beside_the_folder_is_nobodys_but_its_owners(tmp_path: Path) -> None:
    (tmp_path / "obs.new").mkdir()
    (tmp_path / "obs.new" / "mine.txt").touch()
    install(tmp_path / "obs", "3.11", fetched)
    install(tmp_path / "obs", "3.11", fetched)
    assert (tmp_path / "obs.new" / "mine.txt").exists()
    assert {each.name for each in tmp_path.iterdir()} == {"obs", "obs.new"}


def test_the_folder_may_be_the_one_that_one_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "stemd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert install(Path(), "3.11", fetched).script == folder / "stemd_obs.py"
    monkeypatch.chdir(folder / PACKAGES)
    install(Path(".."), "3.11", fetched)
    monkeypatch.chdir(folder)
    assert remove(Path())
    assert list(tmp_path.iterdir()) == []


def test_copies_of_the_script_for_other_stems_are_renewed_and_a_changed_one_stays_as_it_is(tmp_path: Path) -> None:
    script = install(tmp_path / "stemd", "3.11", fetched).script
    new = script.read_text()
    for name in ("stemd_obs.py", "vocals.py"):
        script.with_name(name).write_text("# what an older version installed\n")
    script.with_name("drums.py").write_text("# somebody's own\n")
    install(script.parent, "3.11", fetched)
    assert script.read_text() == script.with_name("vocals.py").read_text() == new
    assert script.with_name("drums.py").read_text() == "# somebody's own\n"


def test_where_packages_cannot_be_fetched_the_old_folder_stays(tmp_path: Path) -> None:
    folder = tmp_path / "stemd"
    install(folder, "3.11", fetched)
    before = sorted(folder.rglob("*"))
    with pytest.raises(StemdError, match="no way there"):
        install(folder, "3.12", unreachable)
    assert sorted(folder.rglob("*")) == before
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("action", [lambda folder: install(folder, "3.11", fetched), remove])
def test_a_folder_that_somebody_else_made_is_left_alone(tmp_path: Path, action: object) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(ConfigError, match="was not made by"):
        action(tmp_path)  # type: ignore[operator]
    assert (tmp_path / "mine.txt").exists()


@pytest.mark.parametrize("python", ["3", "2.7", "3.11.2", "python3", ""])
def test_what_is_no_version_of_python_is_refused(tmp_path: Path, python: str) -> None:
    with pytest.raises(ConfigError, match="is not a version"):
        install(tmp_path / "stemd", python, fetched)


def test_a_python_that_stemd_cannot_run_on_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"needs Python 3\.11 or newer"):
        install(tmp_path / "stemd", "3.10", fetched)
    assert list(tmp_path.iterdir()) == []


def test_the_python_of_obs_is_read_from_its_bindings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bindings = tmp_path / "x86_64-linux-gnu/obs-scripting/_obspython.so"
    bindings.parent.mkdir(parents=True)
    bindings.write_bytes(b"\x7fELF\0libobs.so.0\0libpython3.13.so.1.0\0")
    monkeypatch.setattr(folders, "_installations", lambda **_: iter([tmp_path]))
    assert folders.python_of_obs() == "3.13"
    bindings.unlink()
    assert folders.python_of_obs() is None


def test_removing_says_what_it_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "stemd"
    install(folder, "3.11", fetched)
    assert main(["obs", "remove-script", "--folder", str(folder)]) == 0
    assert main(["obs", "remove-script", "--folder", str(folder)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [f"removed {folder}; take it out of Tools > Scripts as well", f"nothing is in {folder}"]


OLD = "[General]\na=1\n[OBSWebSocket]\nServerEnabled={}\nServerPort=4460\nAuthRequired={}\nServerPassword=x%y\n"


def test_the_access_is_read_from_both_places_where_obs_kept_it(tmp_path: Path) -> None:
    assert configured(tmp_path) == Access()
    (tmp_path / "global.ini").write_text("\ufeff" + OLD.format("true", "true"), "utf-8")
    assert configured(tmp_path) == Access("127.0.0.1", 4460, "x%y", enabled=True)
    (tmp_path / "global.ini").write_text(OLD.format("false", "false"))
    assert configured(tmp_path) == Access(port=4460, password="", enabled=False)
    own = tmp_path / "plugin_config/obs-websocket/config.json"
    own.parent.mkdir(parents=True)
    kept = {"server_enabled": True, "server_port": 4461, "server_password": "z", "auth_required": True}
    own.write_text(json.dumps(kept))
    assert configured(tmp_path) == Access("127.0.0.1", 4461, "z", enabled=True)
    own.write_text("{")
    with pytest.raises(ConfigError, match="--port and --password"):
        configured(tmp_path)


def test_the_command_line_goes_before_and_another_host_has_its_own_password() -> None:
    known = Access("127.0.0.1", 4460, "x", enabled=True)
    assert merged(known, None, None, None) == known
    assert merged(known, None, 4470, "y") == Access("127.0.0.1", 4470, "y", enabled=True)
    assert merged(known, "desk", None, None) == Access(host="desk")
