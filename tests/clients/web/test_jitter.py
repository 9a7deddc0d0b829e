"""Laws of the jitter buffer, which are JavaScript: they run in Node, on the page's own module."""

import subprocess
from pathlib import Path

import pytest

LAWS = Path(__file__).parent / "jitter_laws.mjs"
pytestmark = [pytest.mark.slow, pytest.mark.needs("npm")]


def test_the_laws_of_the_jitter_buffer_hold() -> None:
    done = subprocess.run(["node", "--test", str(LAWS)], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout
    assert "# fail 0" in done.stdout
