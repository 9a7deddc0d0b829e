"""The connection to a running OBS, by obs-websocket."""

import configparser
import contextlib
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from obsws_python.baseclient import ObsClient  # type: ignore[import-untyped]
from obsws_python.error import OBSSDKError  # type: ignore[import-untyped]
from websocket import WebSocketException

from stemd.errors import ConfigError, ConnectionLostError, StemdError

DEFAULT_PORT: Final = 4455
_TIMEOUT: Final = 5.0
_ENABLE: Final = "Tools > WebSocket Server Settings > Enable WebSocket server"
NOT_FOUND: Final = 600  # RequestStatus::ResourceNotFound


@dataclass(frozen=True, slots=True)
class Access:
    """Where OBS listens, and its password; `enabled` as its own configuration says, None where none is there."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    password: str = ""
    enabled: bool | None = None


def configured(folder: Path) -> Access:
    """As OBS' own configuration in `folder` says: a file of obs-websocket's since OBS 30.2, before in global.ini.

    Raises:
        ConfigError: the file is damaged.
    """
    own, old = folder / "plugin_config/obs-websocket/config.json", folder / "global.ini"
    try:
        if own.is_file():
            return _of_json(json.loads(own.read_text("utf-8-sig")))
        if old.is_file():
            return _of_ini(old.read_text("utf-8-sig"))
    except (OSError, ValueError, configparser.Error) as exc:
        raise ConfigError(f"cannot read what OBS keeps in {folder}: {exc}; give --port and --password") from exc
    return Access()


def _of_json(kept: Mapping[str, Any]) -> Access:
    password = str(kept.get("server_password", "")) if kept.get("auth_required", True) else ""
    port = int(kept.get("server_port", DEFAULT_PORT))
    return Access(port=port, password=password, enabled=bool(kept.get("server_enabled", False)))


def _of_ini(text: str) -> Access:
    parser = configparser.RawConfigParser(strict=False)
    parser.read_string(text)
    if "OBSWebSocket" not in parser:
        return Access()
    kept = parser["OBSWebSocket"]
    password = kept.get("ServerPassword", "") if kept.getboolean("AuthRequired", True) else ""
    port = kept.getint("ServerPort", DEFAULT_PORT)
    return Access(port=port, password=password, enabled=kept.getboolean("ServerEnabled", False))


def merged(access: Access, host: str | None, port: int | None, password: str | None) -> Access:
    """What is named on a command line goes before what is configured; of another host nothing is known here."""
    if host is not None and host not in {"127.0.0.1", "localhost", "::1"}:
        access = Access(host=host)
    named = {"host": host, "port": port, "password": password}
    changes: dict[str, Any] = {key: value for key, value in named.items() if value is not None}
    return replace(access, **changes)


class Obs:
    """A running OBS: requests by their names in obs-websocket's protocol, version 5."""

    def __init__(self, client: ObsClient) -> None:
        self._client = client

    def ask(self, request: str, **fields: Any) -> dict[str, Any]:
        """The answer's fields.

        Raises:
            RefusedError: OBS does not do it; in its own words.
            ConnectionLostError: OBS has gone.
        """
        try:
            answer: dict[str, Any] = self._client.req(request, fields)
        except (OBSSDKError, WebSocketException, OSError, ValueError) as exc:
            raise ConnectionLostError(f"OBS no longer answers: {exc}") from exc
        status = answer["requestStatus"]
        if not status["result"]:
            said = status.get("comment") or f"code {status['code']}"
            raise RefusedError(f"OBS refuses {request}: {said}", status["code"])
        found: dict[str, Any] = answer.get("responseData") or {}
        return found


class RefusedError(StemdError):
    """OBS does not do what it was asked for; `reason` is its number for why."""

    def __init__(self, text: str, reason: int) -> None:
        super().__init__(text)
        self.reason = reason


@contextlib.contextmanager
def connected(access: Access) -> Iterator[Obs]:
    """A connection.

    Raises:
        ConnectionLostError: no OBS answers there.
        ConfigError: the password is missing or wrong.
    """
    # It writes every fault to the log, and the password too; faults are raised here.
    logging.getLogger("obsws_python").setLevel(logging.CRITICAL + 1)
    where = f"{access.host}:{access.port}"
    try:
        client = ObsClient(host=access.host, port=access.port, password=access.password, timeout=_TIMEOUT)
    except (OSError, WebSocketException, ValueError) as exc:
        hint = f"in OBS switch it on: {_ENABLE}" if access.enabled is False else f"start OBS, and switch on {_ENABLE}"
        raise ConnectionLostError(f"no OBS answers at {where}; {hint}") from exc
    try:
        _authenticate(client, where, access)
        yield Obs(client)
    finally:
        client.ws.close()
        client.ws.shutdown()  # where OBS has hung up already, `close` leaves the socket open


def _authenticate(client: ObsClient, where: str, access: Access) -> None:
    try:
        client.authenticate()
    except (OBSSDKError, WebSocketException, OSError) as exc:
        what = "another password" if access.password else "a password"
        raise ConfigError(
            f"OBS at {where} wants {what}: Tools > WebSocket Server Settings > Show Connect Info, then --password"
        ) from exc
