"""A hub, a store and somebody who answers."""

from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest

from stemd.store.folder import Store
from tests.store.hub_server import Hub
from tests.store.listener import Listener


@pytest.fixture
def talk() -> Listener:
    return Listener()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """The only hub that huggingface_hub knows, which was imported before, so the variables would come too late."""
    with Hub() as hub:
        constants = huggingface_hub.constants
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        form = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", form)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.setattr("stemd.store.hub._WAITS", (0.0, 0.0))
        yield hub
