"""What is skipped says so at the end, with the line that mends it; in CI it fails instead."""

import os
from pathlib import Path

import pytest

from tests.system_parts import install_line, missing

SHARED_AUDIO = Path(__file__).parent.parent.parent / "shared" / "audio"
_absent: set[str] = set()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if marker := item.get_closest_marker("needs"):
            parts = missing(marker.args)
            if parts:
                _absent.update(parts)
                item.add_marker(pytest.mark.skip(reason=f"needs {', '.join(parts)}"))


@pytest.fixture(scope="session")
def shared_audio() -> Path:
    """Real music with true stems, where a checkout has it beside itself."""
    if not SHARED_AUDIO.is_dir():
        pytest.skip(f"no test audio with true stems in {SHARED_AUDIO}")
    return SHARED_AUDIO


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _absent:
        terminalreporter.section("left out for want of system parts")
        terminalreporter.line(f"{', '.join(sorted(_absent))}; `make system-deps` installs them, which is")
        terminalreporter.line(install_line(sorted(_absent)))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if _absent and os.environ.get("CI") and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
