"""`stemd install-service` and `uninstall-service`, into a folder that stands for the machine."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stemd.cli import main
from stemd.commands import install
from stemd.commands.installation import files, program
from stemd.config import Config, load_config
from stemd.errors import StemdError
from tests.end_to_end.process import folder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is of Linux")

MACHINES = {
    "etc/systemd/system/stemd.service",
    "etc/systemd/system/stemd.socket",
    "etc/sysusers.d/stemd.conf",
    "etc/tmpfiles.d/stemd.conf",
    "etc/stemd/stemd.toml",
    "etc/stemd/installed-service.json",
}
CONFIG = "etc/stemd/stemd.toml"


def run(root: Path, *words: str, status: int = 0) -> None:
    assert main([*words, "--root", str(root)]) == status


def there(root: Path) -> set[str]:
    """All files below the root."""
    return {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of settings of a user, as it is in the machine."""
    monkeypatch.setenv("XDG_CONFIG_HOME", "/home/anna/.config")
    return Path("home/anna/.config")


def test_what_is_installed_is_removed_to_the_last_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, "install-service")
    assert there(tmp_path) == MACHINES
    said = capsys.readouterr().out
    assert all(f"wrote /{name}: " in said for name in MACHINES if name.endswith(("service", "socket", "conf", "toml")))
    run(tmp_path, "uninstall-service")
    assert there(tmp_path) == set()
    assert not (tmp_path / "etc/stemd").exists()
    assert "userdel stemd" in capsys.readouterr().out


def test_a_users_goes_to_the_user(tmp_path: Path, home: Path) -> None:
    run(tmp_path, "install-service", "--user")
    assert there(tmp_path) == {
        f"{home}/{name}" for name in ("systemd/user/stemd.service", "stemd/stemd.toml", "stemd/installed-service.json")
    }
    run(tmp_path, "uninstall-service", "--user")
    assert there(tmp_path) == set()


def test_the_unit_starts_this_stemd(tmp_path: Path) -> None:
    run(tmp_path, "install-service")
    text = (tmp_path / "etc/systemd/system/stemd.service").read_text()
    [start] = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    command = start.removeprefix("ExecStart=").split(" serve ")[0]
    assert subprocess.run([*command.split(), "--version"], check=True, capture_output=True).stdout.startswith(b"stemd ")
    assert "/usr/bin/stemd" not in text or shutil.which("stemd") == "/usr/bin/stemd"


def test_the_configuration_can_be_used(tmp_path: Path) -> None:
    run(tmp_path, "install-service")
    assert load_config(tmp_path / CONFIG) == Config()


def test_additions_are_installed_and_removed(tmp_path: Path) -> None:
    run(tmp_path, "install-service", "--with", "sound", "--with", "openvino")
    drop_ins = "etc/systemd/system/stemd.service.d"
    assert there(tmp_path) == MACHINES | {f"{drop_ins}/sound.conf", f"{drop_ins}/openvino.conf"}
    run(tmp_path, "install-service")  # again, and as it happens without them: what is there stays
    run(tmp_path, "uninstall-service")
    assert there(tmp_path) == set()


def test_what_was_edited_is_kept_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, "install-service")
    file = tmp_path / CONFIG
    file.write_text("linger = 3\n")
    run(tmp_path, "install-service")
    assert f"kept /{CONFIG}: it is not as stemd wrote it" in capsys.readouterr().out
    assert file.read_text() == "linger = 3\n"
    run(tmp_path, "uninstall-service")
    assert f"kept /{CONFIG}: you have edited it" in capsys.readouterr().out
    assert there(tmp_path) == {CONFIG}


def test_a_file_of_somebody_elses_is_neither_overwritten_nor_removed(tmp_path: Path) -> None:
    file = tmp_path / CONFIG
    file.parent.mkdir(parents=True)
    file.write_text("linger = 3\n")
    run(tmp_path, "install-service")
    run(tmp_path, "uninstall-service")
    assert there(tmp_path) == {CONFIG}
    assert file.read_text() == "linger = 3\n"


def test_an_upgrade_replaces_what_nobody_edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, "install-service")
    newer = tmp_path / "newer"
    shutil.copytree(files.shipped(), newer)
    for name in ("stemd.service", "stemd.toml"):
        with (newer / name).open("a") as file:
            file.write("# newer\n")
    (tmp_path / CONFIG).write_text("linger = 3\n")
    monkeypatch.setattr(files, "shipped", lambda: newer)
    run(tmp_path, "install-service")
    assert (tmp_path / "etc/systemd/system/stemd.service").read_text().endswith("# newer\n")
    assert (tmp_path / CONFIG).read_text() == "linger = 3\n"
    shutil.rmtree(newer)
    monkeypatch.undo()
    run(tmp_path, "uninstall-service")
    assert there(tmp_path) == {CONFIG}


def test_a_ledger_cannot_have_other_files_removed(tmp_path: Path) -> None:
    run(tmp_path, "install-service")
    victim = tmp_path / "etc/passwd"
    victim.write_text("root")
    ledger = tmp_path / "etc/stemd/installed-service.json"
    ledger.write_text('{"files": {"/etc/passwd": "4813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2"}}')
    run(tmp_path, "uninstall-service")
    assert victim.exists()


def test_a_damaged_ledger_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, "install-service")
    (tmp_path / "etc/stemd/installed-service.json").write_text("[]")
    run(tmp_path, "uninstall-service", status=1)
    assert "/etc/stemd/installed-service.json is damaged" in capsys.readouterr().err


def test_saying_what_would_be_done_does_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, "install-service", "--dry-run")
    assert there(tmp_path) == set()
    assert f"/{CONFIG}: would be written" in capsys.readouterr().out
    run(tmp_path, "install-service")
    run(tmp_path, "install-service", "--dry-run")
    assert f"/{CONFIG}: would stay as it is" in capsys.readouterr().out
    run(tmp_path, "uninstall-service", "--dry-run")
    assert f"/{CONFIG}: would be removed" in capsys.readouterr().out
    assert there(tmp_path) == MACHINES


def test_printing_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, "install-service", "--print", "--with", "nvidia")
    said = capsys.readouterr().out
    assert "# --- /etc/systemd/system/stemd.service\n" in said
    assert "DeviceAllow=char-nvidia* rw" in said
    assert there(tmp_path) == set()


def test_with_nothing_installed_there_is_nothing_to_undo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, "uninstall-service")
    assert "no service was installed" in capsys.readouterr().out


def test_an_enabled_service_is_not_taken_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, "install-service")
    wants = tmp_path / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir()
    (wants / "stemd.service").symlink_to("/etc/systemd/system/stemd.service")
    run(tmp_path, "uninstall-service", status=1)
    assert "systemctl disable --now stemd.socket stemd.service" in capsys.readouterr().err
    assert there(tmp_path) >= MACHINES


def test_where_no_systemd_runs_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(install, "_RUNS", tmp_path / "none")
    run(tmp_path, "install-service")
    assert "systemd does not run here" in capsys.readouterr().out
    monkeypatch.setattr(install, "_RUNS", tmp_path)
    run(tmp_path, "install-service")
    assert "systemctl enable --now stemd.socket stemd.service" in capsys.readouterr().out


def test_unknown_additions_are_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, "install-service", "--with", "sond", status=1)
    assert "(did you mean 'sound'?)" in capsys.readouterr().err
    run(tmp_path, "install-service", "--user", "--with", "sound", status=1)
    assert "leave --with out" in capsys.readouterr().err


def test_the_help_names_every_addition(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["install-service", "--help"])
    said = capsys.readouterr().out
    assert files.drop_ins() == ["network", "nvidia", "openvino", "sound"]
    assert all(name in said for name in files.drop_ins())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_without_rights_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/systemd").mkdir(mode=0o555)
    run(tmp_path, "install-service", status=1)
    assert "takes rights that you lack: try with sudo, or --user" in capsys.readouterr().err
    assert there(tmp_path) == set()


@pytest.mark.skipif(os.geteuid() != 0, reason="takes another user's place")
def test_a_user_without_rights_is_told() -> None:
    code = (
        "import os; from pathlib import Path; from stemd.commands.installation.ledger import check_writable;"
        "os.setuid(65534); check_writable(Path('/'), [Path('/etc/systemd/system/stemd.service')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "takes rights that you lack: try with sudo, or --user" in done.stderr


def test_a_folder_that_others_cannot_read_is_refused() -> None:
    with folder() as place:
        place.chmod(0o755)
        environment = place / "closed" / "venv"
        environment.mkdir(parents=True)
        environment.parent.chmod(0o700)
        with pytest.raises(StemdError, match=r"cannot read .*venv, for .*closed is closed to other users.*--user"):
            program.check_visible_from(environment, own_to_each=())
        environment.parent.chmod(0o755)
        program.check_visible_from(environment, own_to_each=())


def test_a_temporary_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StemdError, match=r"it has a temporary folder of its own: install"):
        program.check_visible_from(tmp_path, own_to_each=(tmp_path.parent,))


@pytest.mark.parametrize(
    ("place", "home"), [("/home/anna/venv", True), ("/root/venv", True), ("/opt/stemd", False), ("/homestead", False)]
)
def test_what_lies_in_a_home_can_be_read_there(place: str, home: bool) -> None:
    assert program.in_a_home([Path(place)]) == home
    [unit] = [
        item
        for item in files.items(files.machine(), [], "/x/stemd", in_home=home)
        if item.target.name == "stemd.service"
    ]
    assert ("ProtectHome=read-only" in unit.text) == home
    assert ("ProtectHome=yes" in unit.text) != home


@pytest.mark.parametrize(
    ("word", "quoted"),
    [
        ("/opt/stemd/bin/stemd", "/opt/stemd/bin/stemd"),
        ("/opt/my stemd/stemd", '"/opt/my stemd/stemd"'),
        ("/opt/100%/$x", "/opt/100%%/$$x"),
        ('/opt/"/s', '"/opt/\\"/s"'),
    ],
)
def test_a_unit_takes_every_path(word: str, quoted: str) -> None:
    assert program.quoted(word) == quoted
