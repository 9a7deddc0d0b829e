"""How `stemd bench quality` measures, in words, its tables, and the units of its figures."""

from collections.abc import Mapping
from typing import Final

from stemd_bench.quality.joins import CERTAINTY, STEP, WINDOW
from stemd_bench.quality.streaming import REALTIME_BLOCK
from stemd_bench.results import Better

METHOD: Final[tuple[str, ...]] = (
    "SDR: energy of the true stem over that of the difference, over a whole song. SI-SDR: the same against the "
    "multiple of the true stem that is nearest. BSSEval: SDR by BSSEval v4 (museval), the median over seconds; it "
    "forgives what a short filter could mend, and a second of near silence counts as much as any other: another "
    "measure, and no check of ours to the decimal. Mean and median: over the songs that have it in every way.",
    "streamed: through a daemon process and its sockets, timing free, lossless, so that load plays no part; plans that "
    "come to the same are streamed once. "
    "offline: by the plan studio, without a daemon. as offline: samples that differ, in any bit, from what the "
    "same plan gives offline. mixture: the mixture itself taken as the estimate.",
    f"latency: as the daemon declares it here to a realtime stream with blocks of {REALTIME_BLOCK} frames, and nothing "
    "where it refuses the plan; the article is no plan of it: a segment, and the block, computing and margin of plan "
    "studio. Its songs are those in stereo at the model's rate: below studio is of the same songs, SDR may be of fewer "
    "than in other rows.",
    "sum law: |(v + i) - mix| <= 2^-23 max(|v|, |mix|) in float32, and v + i = mix in 16 bits, of every sample that "
    "came; worst is in multiples of the bound, and in steps.",
    "level: each song scaled to an RMS level and streamed by plan live; the vocals, scaled back, against those of the "
    "song as it is. The daemon changes no level (see: as offline); networks of masks hear quiet segments raised, "
    "and what still shows here is theirs. "
    "In 16 bits a song at -80 dBFS has two bits left, and a loud one may clip at -20 dBFS.",
    f"clicks: spectral flux ({WINDOW} frames, {STEP} apart) where segments were joined over that elsewhere in the same "
    "stem; median, and 95th percentile. by chance: what the median reaches in "
    f"{100 - CERTAINTY:g} % of draws of other places. cut off: plan live without its crossfade, which must click.",
)

UNITS: Final[Mapping[str, str]] = {
    "sdr": "dB",
    "si_sdr": "dB",
    "bsseval": "dB",
    "differing": "samples",
    **{f"{score}_{kind}": "dB" for score in ("sdr", "si_sdr", "bsseval") for kind in ("mean", "median")},
    "loss": "dB",
    "latency": "ms",
    "window": "ms",
    "curve_sdr": "dB",
    "curve_loss": "dB",
    "samples": "samples",
    "over": "samples",
    "saturated": "samples",
    "worst": "times the bound, or steps",
    "level_error": "dB",
    "level_sdr": "dB",
    "click": "times elsewhere",
    "click_p95": "times elsewhere",
    "chance": "times elsewhere",
    "chance_low": "times elsewhere",
    "joins": "joins",
}

BETTER: Final[Mapping[str, Better]] = {
    **dict.fromkeys(("sdr", "si_sdr", "sdr_mean", "si_sdr_mean", "curve_sdr", "level_sdr"), "higher"),
    **dict.fromkeys(("differing", "loss", "curve_loss", "latency", "over", "click"), "lower"),
}

HEADINGS: Final[tuple[Mapping[str, str], ...]] = (
    {
        "sdr_mean": "SDR\nmean",
        "sdr_median": "\nmedian",
        "loss": "below\nstudio",
        "si_sdr_mean": "SI-SDR\nmean",
        "si_sdr_median": "\nmedian",
        "bsseval_median": "BSSEval\nmedian",
    },
    {"sdr": "SDR", "si_sdr": "SI-SDR", "bsseval": "BSSEval", "differing": "as\noffline"},
    {"latency": "latency\nms", "window": "of the\nplan", "curve_sdr": "SDR", "curve_loss": "below\nstudio"},
    {"samples": "samples", "over": "over the\nbound", "worst": "worst", "saturated": "saturated"},
    {"level_error": "level\nerror", "level_sdr": "SDR"},
    {"click": "flux at joins\nmedian", "click_p95": "\np95", "chance": "by\nchance", "joins": "joins"},
)
