"""What is played and sung: a song of thirteen bars that starts again, as data.

At 104 beats a minute the thirteen bars (introduction, verse, chorus, chorus) last thirty seconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, takewhile

BEATS_PER_BAR = 4
SECONDS_PER_BEAT = 60.0 / 104.0
SECONDS_PER_BAR = BEATS_PER_BAR * SECONDS_PER_BEAT

# Chords as MIDI pitches, bass note first; the rest is voiced for the left hand of a piano.
A_MINOR = (33, 57, 60, 64, 69)
C_MAJOR = (36, 55, 60, 64, 67)
F_MAJOR = (29, 57, 60, 65, 69)
G_MAJOR = (31, 55, 59, 62, 67)

# A syllable: beats, MIDI pitch, ARPABET phones. Without phones it is a rest.
Syllable = tuple[float, int, str]
REST = ""

VERSE: tuple[tuple[Syllable, ...], ...] = (
    # Take the song apart,
    ((0.5, 0, REST), (0.5, 64, "T EY K"), (0.5, 62, "DH AH"), (0.5, 64, "S AO NG"), (0.5, 67, "AH"),
     (1.5, 64, "P AA R T")),
    # lay it on the floor:
    ((0.5, 0, REST), (0.5, 65, "L EY"), (0.5, 64, "IH T"), (0.5, 62, "AO N"), (0.5, 60, "DH AH"),
     (1.5, 60, "F L AO R")),
    # everyone is playing
    ((0.5, 0, REST), (0.5, 67, "EH"), (0.5, 67, "V R IY"), (0.5, 64, "W AH N"), (0.5, 62, "IH Z"),
     (0.5, 64, "P L EY"), (1.0, 67, "IH NG")),
    # just behind the door.
    ((0.5, 0, REST), (0.5, 62, "JH AH S T"), (0.5, 62, "B IY"), (1.0, 67, "HH AY N D"), (0.5, 64, "DH AH"),
     (1.0, 62, "D AO R")),
)  # fmt: skip

CHORUS: tuple[tuple[Syllable, ...], ...] = (
    # Oh, let me hear you
    ((1.5, 69, "OW"), (0.5, 69, "L EH T"), (0.5, 67, "M IY"), (1.0, 69, "HH IH R"), (0.5, 67, "Y UW")),
    # sing alone.
    ((1.5, 64, "S IH NG"), (0.5, 64, "AH"), (1.5, 67, "L OW N"), (0.5, 0, REST)),
    # Oh, bring it all the way
    ((1.0, 71, "OW"), (0.5, 71, "B R IH NG"), (0.5, 69, "IH T"), (1.0, 67, "AO L"), (0.5, 69, "DH AH"),
     (0.5, 71, "W EY")),
    # home.
    ((1.0, 72, "HH OW"), (2.0, 69, "OW M"), (1.0, 0, REST)),
)  # fmt: skip

SILENT_BAR: tuple[Syllable, ...] = ((4.0, 0, REST),)


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the song: when it starts (seconds), its chord, its line, and how hard the band plays it."""

    start: float
    chord: tuple[int, ...]
    line: tuple[Syllable, ...]
    chorus: bool
    last: bool  # of its section: the place of a fill


@dataclass(frozen=True, slots=True)
class SungNote:
    """A syllable in time: start and length in seconds, MIDI pitch, ARPABET phones."""

    start: float
    seconds: float
    pitch: float
    phones: tuple[str, ...]


def _section(chords: tuple[tuple[int, ...], ...], lines: tuple[tuple[Syllable, ...], ...], chorus: bool) -> list[Bar]:
    return [
        Bar(0.0, chord, line, chorus, last=index == len(chords) - 1)
        for index, (chord, line) in enumerate(zip(chords, lines, strict=True))
    ]


_VERSE_CHORDS = (A_MINOR, F_MAJOR, C_MAJOR, G_MAJOR)
_CHORUS_CHORDS = (F_MAJOR, C_MAJOR, G_MAJOR, A_MINOR)
FORM = (
    *_section((G_MAJOR,), (SILENT_BAR,), chorus=False),
    *_section(_VERSE_CHORDS, VERSE, chorus=False),
    *_section(_CHORUS_CHORDS, CHORUS, chorus=True),
    *_section(_CHORUS_CHORDS, CHORUS, chorus=True),
)


def bars(seconds: float, transpose: int) -> list[Bar]:
    """The bars that start within `seconds`, their chords moved by `transpose` semitones."""

    def at(number: int) -> Bar:
        bar = FORM[number % len(FORM)]
        chord = tuple(pitch + transpose for pitch in bar.chord)
        return Bar(number * SECONDS_PER_BAR, chord, bar.line, bar.chorus, bar.last)

    return list(takewhile(lambda bar: bar.start < seconds, map(at, count())))


def sung_notes(song: list[Bar], transpose: int) -> Iterator[SungNote]:
    """The melody of `song`, syllable by syllable, rests left out."""
    for bar in song:
        beat = 0.0
        for beats, pitch, phones in bar.line:
            if phones != REST:
                start = bar.start + beat * SECONDS_PER_BEAT
                yield SungNote(start, beats * SECONDS_PER_BEAT, pitch + transpose, tuple(phones.split()))
            beat += beats
