"""The sounds of speech as targets of a vocal tract: which formants, how much voice, how much noise.

Vowel formants: women's means of G. E. Peterson and H. L. Barney, "Control methods used in a study of the
vowels", JASA 24 (1952), table II. Consonants: D. H. Klatt, "Software for a cascade/parallel formant
synthesizer", JASA 67 (1980), tables II and III, a man's formants raised by 15 % for a shorter tract. NG and HH,
all lengths, and the amplitudes and bands of the noises are our own choice.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """What the tract aims at while a phone lasts."""

    formants: tuple[float, float, float]  # Hz
    voice: float = 1.0  # amplitude of the glottal pulses
    breath: float = 1.0  # amplitude of the noise at the glottis
    hiss: float = 0.0  # amplitude of the noise at a constriction
    hiss_centre: float = 4000.0  # Hz
    hiss_width: float = 2000.0  # Hz
    seconds: float = 0.06  # of a consonant; a vowel lasts as long as its note lets it


def _vowel(first: float, second: float, third: float) -> Target:
    return Target((first, second, third))


def _consonant(first: float, second: float, third: float, voice: float, **noise: float) -> Target:
    return Target((1.15 * first, 1.15 * second, 1.15 * third), voice, **noise)


VOWELS: dict[str, tuple[Target, ...]] = {
    "IY": (_vowel(310, 2790, 3310),),
    "IH": (_vowel(430, 2480, 3070),),
    "EH": (_vowel(610, 2330, 2990),),
    "AA": (_vowel(850, 1220, 2810),),
    "AO": (_vowel(590, 920, 2710),),
    "UH": (_vowel(470, 1160, 2680),),
    "UW": (_vowel(370, 950, 2670),),
    "AH": (_vowel(760, 1400, 2780),),
}
# A diphthong glides from one vowel to the other, most of the time near the first.
VOWELS |= {
    "EY": VOWELS["EH"] + VOWELS["IY"],
    "AY": VOWELS["AA"] + VOWELS["IY"],
    "OW": VOWELS["AO"] + VOWELS["UH"],
}

INHALATION = Target(VOWELS["AH"][0].formants, voice=0.0, breath=2.0, seconds=0.18)
_SILENT = {"voice": 0.0, "breath": 0.0}

CONSONANTS: dict[str, tuple[Target, ...]] = {
    "W": (_consonant(290, 610, 2150, 0.6),),
    "Y": (_consonant(260, 2070, 3020, 0.6),),
    "R": (_consonant(310, 1060, 1380, 0.6, seconds=0.07),),
    "L": (_consonant(310, 1050, 2880, 0.6),),
    "M": (_consonant(480, 1270, 2130, 0.35, seconds=0.08),),
    "N": (_consonant(480, 1340, 2470, 0.35, seconds=0.07),),
    "NG": (_consonant(480, 2000, 2900, 0.35, seconds=0.09),),
    "HH": (_consonant(450, 1400, 2500, 0.0, breath=5.0, seconds=0.07),),
    "F": (_consonant(340, 1100, 2080, 0.0, hiss=0.10, hiss_centre=7000, hiss_width=5000, seconds=0.08),),
    "V": (_consonant(220, 1100, 2080, 0.4, hiss=0.05, hiss_centre=7000, hiss_width=5000),),
    "DH": (_consonant(270, 1290, 2540, 0.4, hiss=0.04, hiss_centre=6000, hiss_width=4000, seconds=0.05),),
    "S": (_consonant(320, 1390, 2530, 0.0, hiss=0.35, hiss_centre=7500, hiss_width=1800, seconds=0.10),),
    "Z": (_consonant(240, 1390, 2530, 0.35, hiss=0.2, hiss_centre=7500, hiss_width=1800, seconds=0.07),),
    # A stop is a silence and a burst.
    "P": (
        _consonant(400, 1100, 2150, **_SILENT, seconds=0.05),
        _consonant(400, 1100, 2150, 0.0, breath=2.0, hiss=0.2, hiss_centre=1500, hiss_width=1500, seconds=0.03),
    ),
    "B": (
        _consonant(200, 1100, 2150, 0.15, seconds=0.05),
        _consonant(200, 1100, 2150, 0.3, hiss=0.1, hiss_centre=1200, hiss_width=1500, seconds=0.012),
    ),
    "T": (
        _consonant(400, 1600, 2600, **_SILENT, seconds=0.05),
        _consonant(400, 1600, 2600, 0.0, breath=2.0, hiss=0.45, hiss_centre=5500, hiss_width=2500, seconds=0.035),
    ),
    "D": (
        _consonant(200, 1600, 2600, 0.15, seconds=0.04),
        _consonant(200, 1600, 2600, 0.3, hiss=0.2, hiss_centre=5000, hiss_width=2500, seconds=0.015),
    ),
    "K": (
        _consonant(300, 1990, 2850, **_SILENT, seconds=0.05),
        _consonant(300, 1990, 2850, 0.0, breath=2.0, hiss=0.35, hiss_centre=2300, hiss_width=900, seconds=0.035),
    ),
    "JH": (
        _consonant(260, 1800, 2820, 0.15, seconds=0.04),
        _consonant(260, 1800, 2820, 0.3, hiss=0.3, hiss_centre=3500, hiss_width=1500, seconds=0.06),
    ),
}
