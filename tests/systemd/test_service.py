"""The shipped unit under a real systemd: what it promises, tried."""

import time
from typing import Any

import numpy as np
import pytest

from stemd.separation.engines.engine import EngineOptions
from stemd.separation.offline import separate
from tests.end_to_end.raw import BLOCK, Raw
from tests.end_to_end.reference import PLAN, THREADS, model, offline, recording
from tests.systemd.freezing import frozen
from tests.systemd.machine import STEMD
from tests.systemd.service import CONFIG, USUAL, Service
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.needs("nspawn"), pytest.mark.timeout(300)]

RATE = 44_100
LENGTH = 70 * BLOCK
OPENVINO = '[engine]\nname = "openvino"\nthreads = 1\n'


@pytest.fixture(scope="module")
def mixture() -> Any:
    return recording(LENGTH, RATE, seed=7)


def separated(raw: Raw, mixture: Any) -> Any:
    """The vocals that the daemon makes of a recording."""
    raw.opened("song")
    number = raw.listen("song", "vocals")
    raw.pour("song", mixture)
    [heard] = raw.take_until_end(number)
    assert heard.end is not None
    assert heard.end.flags == ("end",)
    return heard.samples


def test_it_is_ready_once_the_networks_are_warm(service: Service) -> None:
    service.control("stop", "stemd.service")
    service.control("start", "--no-block", "stemd.service")
    seen = set()

    def active() -> bool:
        state, status = service.show("ActiveState", "StatusText")
        seen.add((state, status))
        return state == "active"

    wait_until(active, "the service is active")
    assert ("activating", "starting: loading and warming networks") in seen
    assert {status for state, status in seen if state == "active"} == {
        "0 streams, load 0.00, 0 subscribers; spleeter-vocals"
    }


def test_it_separates_under_every_restriction(service: Service, mixture: Any) -> None:
    facts = service.facts()
    assert facts["NoNewPrivs"] == "1"
    assert facts["Seccomp"] == "2"
    assert facts["CapBnd"] == "0" * 16
    assert int(facts["Uid"].split()[0]) != 0
    with service.client() as raw:
        assert np.array_equal(separated(raw, mixture), offline(mixture, RATE))


def test_openvino_needs_its_drop_in_and_says_so(service: Service, mixture: Any) -> None:
    service.configure(OPENVINO)
    service.control("restart", "stemd.service", status=1)
    assert service.told("take MemoryDenyWriteExecute out of the systemd unit")
    service.control("stop", "stemd.socket", "stemd.service")
    service.install("openvino")
    service.configure(OPENVINO)
    service.control("start", "stemd.service")
    with service.client() as raw:
        stems = separated(raw, mixture)
    specialists = model().open(EngineOptions(name="openvino", threads=THREADS))
    reference = separate(mixture, RATE, specialists, PLAN, model().manifest.sample_rate, spectral=True)["vocals"]
    assert np.allclose(stems, reference, atol=1e-5)


def test_a_worker_that_is_killed_does_not_end_the_service(service: Service, mixture: Any) -> None:
    service.configure(f'{USUAL}workers = "processes"\n')
    service.control("restart", "stemd.service")
    before = service.pid
    with service.client() as raw:
        assert np.array_equal(separated(raw, mixture), offline(mixture, RATE))
        for worker in service.machine.run("pgrep", "--parent", str(before)).split():
            service.machine.run("kill", "-KILL", worker)
        assert np.array_equal(separated(raw, mixture), offline(mixture, RATE))
    assert (service.pid, *service.show("ActiveState", "NRestarts")) == (before, "active", "0")


def test_the_status_line_follows_the_streams(service: Service) -> None:
    with service.client() as raw:
        raw.opened("desk", timing="realtime")
        raw.listen("desk", "mix")

        def told() -> bool:
            raw.ping()
            return service.status.startswith("1 stream, load ") and ", 1 subscriber; spleeter" in service.status

        wait_until(told, "one stream and one subscriber in the status")
    wait_until(lambda: service.status.startswith("0 streams"), "no stream in the status")
    assert service.status.startswith("0 streams, load 0.00, 0 subscribers; spleeter")


def test_a_reload_takes_the_new_configuration_over(service: Service) -> None:
    before = service.pid
    service.configure(f"{USUAL}\n[server]\nmax_streams = 1\n")
    service.control("reload", "stemd.service")
    wait_until(lambda: service.told("server.max_streams"), "the log says what was reloaded")
    assert service.pid == before
    with service.client() as raw:
        raw.opened("one")
        assert raw.open("two").code == "overloaded"
    assert service.show("ActiveState", "NRestarts") == ["active", "0"]


def test_a_reload_of_a_bad_file_fails_and_says_why(service: Service) -> None:
    before = service.pid
    with service.client() as raw:
        raw.opened("desk")
        service.configure("[server]\nmax_steams = 1\n")
        service.control("reload", "stemd.service", status=1)
        assert service.told("unknown key 'server.max_steams' (did you mean 'max_streams'?)")
        service.machine.run("kill", "-HUP", str(before))  # past the check of the unit
        wait_until(lambda: "the last reload changed nothing" in service.status, "the status says so")
        assert raw.stream("desk") is not None
        service.configure(USUAL)
        service.control("reload", "stemd.service")
        wait_until(lambda: "reload" not in service.status, "the status is as before")
    assert (service.pid, *service.show("ActiveState", "NRestarts")) == (before, "active", "0")


def test_a_hung_event_loop_is_shot_and_started_again(service: Service, mixture: Any) -> None:
    before = service.pid
    with frozen(service.machine.outside(before)):
        wait_until(lambda: service.told("Watchdog timeout"), "the watchdog has bitten")
    service.restarted(before)
    assert service.show("NRestarts") == ["1"]
    assert service.told("Fatal Python error: Aborted"), "the log says where it hung"
    with service.client() as raw:
        assert np.array_equal(separated(raw, mixture), offline(mixture, RATE))


def test_a_stopped_process_is_shot_and_started_again(service: Service) -> None:
    before = service.pid
    service.machine.run("kill", "-STOP", str(before))
    service.restarted(before)
    assert service.show("NRestarts") == ["1"]


@pytest.mark.parametrize("number", ["SEGV", "KILL"])
def test_after_a_crash_it_is_started_again_and_clients_that_come_meanwhile_wait(
    service: Service, mixture: Any, number: str
) -> None:
    before = service.pid
    service.machine.run("kill", f"-{number}", str(before))
    wait_until(lambda: not service.machine.below(f"/proc/{before}").exists(), "the daemon is dead")
    with service.client() as raw:  # its hello waits in the socket, which is systemd's
        assert np.array_equal(separated(raw, mixture), offline(mixture, RATE))
    service.restarted(before)
    assert service.show("NRestarts") == ["1"]


def test_a_bad_configuration_is_not_tried_again(service: Service) -> None:
    service.control("stop", "stemd.service")
    service.configure("[server]\naddress = 5\n")
    service.control("start", "stemd.service", status=1)
    wait_until(lambda: service.show("ActiveState") == ["failed"], "the service has failed")
    assert service.show("ExecMainStatus", "NRestarts", "Result") == ["78", "0", "exit-code"]
    assert service.told("server.address")


def test_an_address_that_the_socket_has_not_is_refused(service: Service) -> None:
    service.control("stop", "stemd.service")
    service.configure('[server]\naddress = "tcp://127.0.0.1:7355"\n')
    service.control("start", "stemd.service", status=1)
    assert service.told("systemctl disable --now stemd.socket")
    service.control("disable", "--now", "stemd.socket")
    service.control("start", "stemd.service")
    assert service.told("ready on tcp://127.0.0.1:7355")


def test_it_stops_within_five_seconds_and_says_so_to_everybody(service: Service, mixture: Any) -> None:
    with service.client() as raw:
        raw.opened("file")
        raw.opened("desk", timing="realtime")
        held = raw.listen("file", "mix", credit=3)
        late = raw.listen("desk", "mix")
        raw.feed("file", mixture[:, : 30 * BLOCK])
        raw.feed("desk", mixture[:, : 10 * BLOCK])
        raw.take_blocks(held, 3)
        before = time.monotonic()
        service.control("stop", "--no-block", "stemd.socket", "stemd.service")
        ends = [heard.end and heard.end.flags for heard in raw.take_until_end(late, held)]
        assert ends == [("end",), ("end", "cut")], "what could leave has left; what nobody took is cut"
        wait_until(lambda: service.show("ActiveState") == ["inactive"], "the service has stopped")
        assert time.monotonic() - before < 5.0
    assert service.show("Result", "ExecMainStatus") == ["success", "0"]


def test_a_stop_leaves_no_file(service: Service, mixture: Any) -> None:
    with service.client() as raw:
        separated(raw, mixture)
    service.control("stop", "stemd.socket", "stemd.service")
    everywhere = ("/run", "/dev/shm", "/dev/mqueue", "/tmp", "/var/tmp")  # noqa: S108 - where it might
    left = service.machine.run("find", *everywhere, "-xdev", "-user", "stemd", "!", "-type", "d")
    assert left == ""


def test_a_client_starts_it(service: Service) -> None:
    service.control("stop", "stemd.service")
    with service.client() as raw:
        assert raw.state()["version"]
    wait_until(lambda: service.show("ActiveState") == ["active"], "the service is active")


def test_only_members_of_the_group_come_in(service: Service) -> None:
    machine = service.machine
    machine.run("useradd", "--create-home", "--groups", "stemd", "member")
    machine.run("useradd", "--create-home", "stranger")
    for who, status in (("member", 0), ("stranger", 1)):
        said = machine.run(
            *("setpriv", f"--reuid={who}", "--regid=users", "--init-groups"),
            *("timeout", "10", STEMD, "status", "--address", "ipc:///run/stemd"),
            status=None,
        )
        assert ("spleeter-vocals" in said) == (status == 0), said


def test_what_it_logs_comes_with_fields(service: Service) -> None:
    service.configure("[server]\nmax_steams = 1\n")
    service.machine.run("kill", "-HUP", str(service.pid))
    entry = wait_until(
        lambda: next((e for e in service.log() if "reload: nothing has changed" in str(e["MESSAGE"])), None),
        "the failed reload is in the journal",
    )
    assert entry["PRIORITY"] == "3"
    assert entry["SYSLOG_IDENTIFIER"] == "stemd"
    assert CONFIG in entry["MESSAGE"]
    assert entry["STEMD_EVENT"] == "reload: nothing has changed: %s"
    assert entry["_TRANSPORT"] == "journal", "by the journal's own protocol, through the sandbox"


def test_what_was_installed_is_removed(service: Service) -> None:
    service.control("enable", "stemd.socket", "stemd.service")
    said = service.machine.run(STEMD, "uninstall-service", status=1)
    assert "systemctl disable --now stemd.socket stemd.service" in said
    try:
        said = service.uninstall()
        assert f"kept {CONFIG}: you have edited it" in said
        left = service.machine.run("find", "/etc", "-path", "*/stemd*").split()
        assert left == ["/etc/stemd", CONFIG]
        service.machine.below(CONFIG).unlink()
    finally:
        service.install()
