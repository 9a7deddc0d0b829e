"""What other programs record from `stemd jack`: the stems sum to the dry track, frame by frame, after compensation."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.clients.jack.recorders import DroppedByJackError, Track, ardour, ecasound
from tests.clients.jack.rig import ROOMY, JackServer, Samples, StemdJack, Tape, jack_server, stemd_jack
from tests.end_to_end.process import running
from tests.end_to_end.reference import recording
from tests.live.performing import find

pytestmark = [pytest.mark.slow, pytest.mark.needs("jackd")]

LSB = 2.0**-23  # of 24 bit
PLAYED = ("player:out_1", "player:out_2")
VOCALS = ("stemd:vocals_1", "stemd:vocals_2")
INSTRUMENTAL = ("stemd:instrumental_1", "stemd:instrumental_2")
SECONDS = 6
RATES = [(48_000, 64), (44_100, 1_000), (96_000, 1_024)]
ARDOURS_OWN = 16  # frames that Ardour's resampler takes from every port


def sung(rate: int) -> Samples:
    return recording(40 * rate, rate, seed=17).T


@contextmanager
def studio(rate: int, period: int) -> Iterator[tuple[JackServer, StemdJack, Tape]]:
    """A tape that plays into `stemd jack`."""
    with jack_server(rate, period) as server, running(ROOMY) as daemon, stemd_jack(server, daemon) as stems:
        stems.until_it_plays()
        with Tape(server, []) as tape:
            tape.feed("stemd:in_1", "stemd:in_2")
            yield server, stems, tape


def judged(
    rate: int, period: int, take: Callable[[JackServer], Any], dry: Callable[[Any], Samples], judge: Callable[..., None]
) -> None:
    """Judge a take, and the latency that was told, in frames.

    A take says nothing, and is done again, in which JACK hung up on the recorder or did not give it every frame of the
    dry sound, or in which `stemd jack` counted a fault: the machine does other things too.
    """
    for _ in range(5):
        with studio(rate, period) as (server, stems, tape):
            before = faults(stems)
            tape.play(sung(rate))
            with suppress(DroppedByJackError):
                taken = take(server)
                if find(sung(rate), dry(taken)) >= 0 and faults(stems) == before:
                    judge(taken, stems.state()["latency"])
                    return
    raise AssertionError(f"JACK was disturbed in each of five takes, the last of them: {before}")


def faults(stems: StemdJack) -> dict[str, int]:
    """What it counted so far that makes holes."""
    state = stems.state()
    return {name: state[name] for name in ("lost", "underruns", "skipped", "stalls", "streams")}


@pytest.mark.needs("ardour")
@pytest.mark.parametrize(("rate", "period"), RATES)
def test_in_ardour_the_recorded_stems_sum_to_the_dry_track_where_it_stands(
    tmp_path: Path, rate: int, period: int
) -> None:
    tracks = {"dry": PLAYED, "vocals": VOCALS, "instrumental": INSTRUMENTAL}

    def judge(takes: dict[str, Track], latency: int) -> None:
        played, vocals, instrumental = takes["dry"], takes["vocals"], takes["instrumental"]
        assert vocals.latency == instrumental.latency == (latency + ARDOURS_OWN, latency + ARDOURS_OWN)
        assert played.position == vocals.position == instrumental.position
        frames = min(map(len, (vocals.samples, instrumental.samples, played.samples)))
        assert frames > 2 * rate
        assert len(played.samples) - len(vocals.samples) == latency, "Ardour took the latency off"
        sums = vocals.samples[:frames].astype(np.float64) + instrumental.samples[:frames]
        assert np.abs(sums - played.samples[:frames]).max() <= LSB
        assert np.abs(vocals.samples).max() > 0.01, "the network heard something"

    def dry(takes: dict[str, Track]) -> Samples:
        return takes["dry"].samples

    judged(
        rate, period, lambda server: ardour(server, Path(tempfile.mkdtemp(dir=tmp_path)), tracks, SECONDS), dry, judge
    )


@pytest.mark.needs("ecasound")
@pytest.mark.parametrize(("rate", "period"), RATES)
def test_in_ecasound_the_stems_sum_to_the_dry_track_so_many_frames_later(
    tmp_path: Path, rate: int, period: int
) -> None:
    ports = [*PLAYED, *VOCALS, *INSTRUMENTAL, "stemd:mix_1", "stemd:mix_2"]

    def judge(taken: Samples, latency: int) -> None:
        played, vocals, instrumental, mix = np.split(taken.astype(np.float64), 4, axis=1)
        # The stems begin when their ports are connected: after that they are there without a break.
        begun = max(latency, int(np.flatnonzero(mix.any(axis=1))[0])) + rate
        assert len(mix) - begun > rate
        assert np.array_equal(mix[begun:], played[begun - latency : len(mix) - latency])
        assert np.abs(vocals + instrumental - mix)[begun:].max() <= LSB

    def dry(taken: Samples) -> Samples:
        return taken[:, :2]

    judged(rate, period, lambda server: ecasound(server, tmp_path, ports, SECONDS + 2), dry, judge)
