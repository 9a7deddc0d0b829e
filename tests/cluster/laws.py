"""What holds of every stream, whatever befalls the servers; and where blocks may be degraded."""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from stemd.audio import Float32Array
from stemd_client import StemBlock
from tests.cluster.playing import HELD_UP, Part, Played
from tests.cluster.story import Account, Phase
from tests.end_to_end.streaming import headers_are_in_order

_EARLY: Final = 1_000_000  # ns
LATE: Final = 0.25  # seconds by which one block in a hundred may leave late, on a machine that starts servers meanwhile
Expected = Callable[[Part, int], Float32Array]


def copied(part: Part, frames: int) -> Float32Array:
    """What a network that copies makes of the first frames of a part."""
    return part.mixture[:, :frames]


def unfit(account: Account) -> str:
    """Why this run shows nothing: this machine held up who plays, so that the daemon took him for absent."""
    worst = max(account.played, key=lambda each: each.held_up)
    return f"{worst.part.name} was played {worst.held_up:.2f} s late" if worst.held_up > HELD_UP else ""


def every_frame_came_once_in_order_at_the_declared_latency(account: Account) -> None:
    """The law of timelines."""
    for played in account.played:
        for heard in played.heard.values():
            headers_are_in_order([block for block in heard if block.header.frames], played.frames)
            assert {block.header.latency for block in heard} == {played.opened.latency}
            assert not any("gap" in block.header.flags for block in heard), played.part.name
            if played.part.timing == "realtime":
                assert min(late(played, block) for block in heard) >= -_EARLY


def every_sample_is_the_networks_or_silent_and_flagged(account: Account, expected: Expected = copied) -> None:
    """Of the network's stem; the mixture is always whole."""
    for played in account.played:
        whole = dict.fromkeys(played.heard, played.part.mixture)
        whole[played.part.stems[0]] = expected(played.part, played.frames)
        for stem, heard in played.heard.items():
            for block in heard:
                if is_degraded(block) and played.part.plan.overlap:
                    continue  # it fades
                at, end = block.header.position, block.header.position + block.header.frames
                due = np.zeros_like(block.samples) if is_degraded(block) else whole[stem][:, at:end]
                assert np.array_equal(block.samples, due), f"{played.part.name}: {stem} at {at}"


def only_streams_that_run_there_are_ever_degraded(account: Account, away: str) -> None:
    """Free streams wait, and what runs here is no concern of the servers'."""
    for played in account.played:
        if played.part.timing == "free" or played.part.model != away:
            assert not any(map(is_degraded, blocks(played))), played.part.name


def blocks_are_degraded_around_faults_alone(account: Account, hop: int, most: int) -> None:
    """In no phase more segments of a stream than `most`, and none where all is well; `hop` in frames."""
    for phase in account.phases:
        for played in account.played:
            hit = {block.header.position // hop for block in within(played, phase) if is_degraded(block)}
            allowed = 0 if phase.is_well else most
            about = f"{played.part.name}, while {phase.step.words}"
            assert len(hit) <= allowed, f"{about}: {len(hit)} segments are degraded, not {allowed} at most"


def nobody_waits_for_what_is_late(account: Account) -> None:
    """Blocks of realtime streams leave when they are due, whether servers answer or not."""
    for phase in account.phases:
        for played in account.played:
            times = [late(played, block) / 1e9 for block in within(played, phase)]
            if played.part.timing == "realtime" and times:
                p99 = float(np.percentile(times, 99))
                assert p99 < LATE, f"{played.part.name}, while {phase.step.words}: {p99:.3f} s late at the p99"


def both_run_segments_when_all_is_well(account: Account) -> None:
    """By the servers' own count: who is back is given its share again."""
    for phase in filter(lambda phase: phase.is_well, account.phases):
        for before, after in zip(phase.before.ran, phase.after.ran, strict=True):
            assert before is not None, "a server that is well cannot be asked"
            assert after is not None
            assert after > before, "a server that is well ran nothing"


def late(played: Played, block: StemBlock) -> int:
    """Nanoseconds from when a block was due to when it was received."""
    header = block.header
    return block.received_ns - header.capture_ns - header.latency * 1_000_000_000 // header.rate


def blocks(played: Played) -> list[StemBlock]:
    """Of the network's stem."""
    return played.heard[played.part.stems[0]]


def within(played: Played, phase: Phase) -> Iterator[StemBlock]:
    """The blocks of the network's stem that were received in a phase."""
    return (block for block in blocks(played) if phase.before.at_ns <= block.received_ns < phase.after.at_ns)


def is_degraded(block: StemBlock) -> bool:
    """Whether it is not the network's."""
    return "degraded" in block.header.flags
