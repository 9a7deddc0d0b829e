"""Which sound devices there are."""

import subprocess
import sys
from dataclasses import replace
from typing import Any, Final

from stemd.devices.endpoints import DEFAULT, PULSE, SYSTEM, Direction, Endpoint
from stemd.devices.portaudio import ask
from stemd.devices.pulse import Node, Server, ask_pulse
from stemd.errors import DeviceError

RATES: Final = (8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000)

_SERVED: Final = ("default", "pulse", "pipewire")  # ALSA's devices that are the sound server, where one runs
_THROUGH: Final = ("pulse", "pipewire", "default")  # those that obey PULSE_SINK and PULSE_SOURCE, best first


def list_endpoints() -> list[Endpoint]:
    """Every device of PortAudio, then every sink and source of PulseAudio.

    Raises:
        DeviceError: PortAudio is not there or does not answer. Where there is no PulseAudio, nothing is said.
    """
    devices = portaudio_endpoints()
    try:
        return devices + pulse_endpoints(devices, ask_pulse())
    except DeviceError:
        return devices


def portaudio_endpoints() -> list[Endpoint]:
    """The devices that PortAudio found when it started.

    Raises:
        DeviceError: PortAudio is not there or does not answer.
    """
    devices, apis = ask(lambda sd: (list(sd.query_devices()), list(sd.query_hostapis())))
    return [_endpoint(device, apis[device["hostapi"]]["name"]) for device in devices]


def pulse_endpoints(devices: list[Endpoint], server: Server) -> list[Endpoint]:
    """A server's sinks and sources, each in its direction; they are opened through ALSA's device for PulseAudio.

    Args:
        devices: those of PortAudio.
        server: what the server has.

    Raises:
        DeviceError: PortAudio has no such device of ALSA's.
    """
    alsa = {device.name: device for device in devices if device.host_api == "ALSA"}
    through = next((alsa[name] for name in _THROUGH if name in alsa), None)
    if through is None:
        raise DeviceError(
            "PortAudio has no device 'pulse', through which PulseAudio is reached: apt-get install libasound2-plugins"
        )
    sinks = [_behind(replace(through, name=PULSE + sink.name).only("output"), sink) for sink in server.sinks]
    return sinks + [_behind(replace(through, name=PULSE + node.name).only("input"), node) for node in server.sources]


def default_endpoint(direction: Direction) -> Endpoint:
    """PortAudio's default device, called `default`.

    Raises:
        DeviceError: there is none.
    """

    def find(sd: Any) -> Any:
        try:
            return sd.query_devices(kind=direction)["index"]
        except (sd.PortAudioError, ValueError):
            return None

    index = ask(find)
    found = next((device for device in portaudio_endpoints() if device.index == index), None)
    if found is None:
        raise DeviceError(f"there is no default {direction} device; `stemd devices` lists what there is")
    return replace(served(found, direction), name=DEFAULT)


def system_endpoint() -> Endpoint:
    """The monitor of the default sink: whatever this machine plays.

    Raises:
        DeviceError: there is no PulseAudio or PipeWire, or it has no default sink.
    """
    if sys.platform != "linux":
        raise DeviceError(
            f"the input {SYSTEM!r} needs PulseAudio or PipeWire; here install a loopback device and name that"
        )
    server = ask_pulse()
    sink = server.default("output")
    source = server.monitor(sink.name) if sink else None
    if sink is None or source is None:
        raise DeviceError("the sound server has no default sink to listen to; `pactl set-default-sink NAME` sets one")
    found = pulse_endpoints(portaudio_endpoints(), server)
    return replace(next(e for e in found if e.inputs and e.pulse == source.name), name=SYSTEM)


def served(device: Endpoint, direction: Direction) -> Endpoint:
    """One direction of a device; if the sound server is behind it, with what is known of the server's default."""
    only = device.only(direction)
    if device.host_api != "ALSA" or device.name not in _SERVED:
        return only
    try:
        node = ask_pulse().default(direction)
    except DeviceError:
        return only
    return only if node is None else _behind(only, node)


def rates_that_fit(endpoint: Endpoint, direction: Direction) -> tuple[int, ...]:
    """The usual rates at which a device can be opened now; empty when it is gone or another program holds it.

    A sink or source of PulseAudio takes every rate and resamples all but its own: only that one is given.
    """
    if endpoint.pulse is not None:
        return (endpoint.rate,)
    channels = min(2, endpoint.channels(direction))

    def fits(sd: Any, rate: int) -> bool:
        check = sd.check_input_settings if direction == "input" else sd.check_output_settings
        try:
            check(device=endpoint.index, channels=channels, dtype="float32", samplerate=rate)
        except sd.PortAudioError:
            return False
        return True

    try:
        return ask(lambda sd: tuple(rate for rate in RATES if fits(sd, rate)))
    except DeviceError:
        return ()


def device_lines() -> list[str]:
    """PortAudio's devices as lines of text, to compare what two processes see.

    Raises:
        DeviceError: PortAudio is not there or does not answer.
    """
    return [f"{device.full_name}: {device.inputs} in, {device.outputs} out" for device in portaudio_endpoints()]


def lines_of_another() -> list[str] | None:
    """`device_lines` of a process that starts now and so sees what was plugged in; None if it fails or hangs."""
    command = [sys.executable, "-m", "stemd.devices.probe"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)  # noqa: S603 - our own
    except (subprocess.SubprocessError, OSError):
        return None
    return done.stdout.splitlines()


def _endpoint(device: dict[str, Any], host_api: str) -> Endpoint:
    inputs, outputs = device["max_input_channels"], device["max_output_channels"]
    return Endpoint(device["name"], device["index"], inputs, outputs, round(device["default_samplerate"]), host_api)


def _behind(endpoint: Endpoint, node: Node) -> Endpoint:
    """A device of one direction, as its sink or source is."""
    return replace(
        endpoint,
        inputs=node.channels if endpoint.inputs else 0,
        outputs=node.channels if endpoint.outputs else 0,
        rate=node.rate,
        description=node.description,
        pulse=node.name,
        monitor_of=node.monitor_of,
    )
