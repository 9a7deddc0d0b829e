"""Who takes part: every contender, its recipe, and why others do not."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stemd_bench.network.material import ONE, SPECIALISTS, Material
from stemd_bench.network.names import APART, BAGS, CHANGED, COMPILED, EAGER, FAST, OPENVINO, PEER
from stemd_bench.network.options import Options
from stemd_bench.network.recipe import Kind, Recipe
from stemd_bench.results import Skipped


@dataclass(frozen=True, slots=True)
class Entry:
    """A contender: its name in the table, its recipe, and whether it is timed or only weighed."""

    name: str
    recipe: Recipe
    timed: bool = True


def lineup(material: Material, options: Options, cache: Path) -> tuple[list[Entry], list[Skipped]]:
    """All contenders in the table's order, and who is left out from the start.

    Args:
        material: the files.
        options: as asked.
        cache: folder for compiled code.
    """
    one, bag = [material.modules[ONE]], material.modules
    graph, graphs = [material.graphs[ONE]], material.graphs
    make = _Maker(material.frames, options.threads, str(cache))
    entries = [Entry(EAGER, make("eager", one, [ONE]))]
    if not options.quick:
        entries.append(Entry(COMPILED, make("compiled", one, [ONE])))
    if material.peer:
        entries.append(Entry(PEER, make("waveform", [material.peer], [ONE], "onnxruntime", share=False)))
    entries += [Entry(FAST, make("hybrid", graph, [0], "onnxruntime"))]
    entries += [Entry(CHANGED[name], _changed(make, name, file)) for name, file in material.changed.items()]
    each = [0] * SPECIALISTS
    entries += [
        Entry(OPENVINO, make("hybrid", graph, [0], "openvino")),
        Entry(BAGS[EAGER], make("eager", bag, range(SPECIALISTS))),
        Entry(BAGS[FAST], make("hybrid", graphs, each, "onnxruntime")),
        Entry(APART, make("hybrid", graphs, each, "onnxruntime", share=False), timed=False),
    ]
    if not options.quick:
        entries.append(Entry(BAGS[OPENVINO], make("hybrid", graphs, each, "openvino")))
    return entries, _absent(material, options)


def _changed(make: "_Maker", name: str, file: Path) -> Recipe:
    kind: Kind = "waveform" if name == "portable" else "hybrid"
    return make(kind, [file], [ONE if name == "all" else 0], "onnxruntime")


def _absent(material: Material, options: Options) -> list[Skipped]:
    named = {"peer": PEER, **CHANGED}
    absent = [Skipped(named[what], why) for what, why in material.lacking.items()]
    if options.quick:
        absent.append(Skipped(COMPILED, "compiling takes minutes; not tried with --quick"))
        absent.append(Skipped(BAGS[OPENVINO], "loading takes seconds; not tried with --quick"))
    return absent


@dataclass(frozen=True, slots=True)
class _Maker:
    frames: int
    threads: int
    cache: str

    def __call__(
        self, kind: Kind, files: Sequence[Path], rows: Sequence[int], engine: str = "", *, share: bool = True
    ) -> Recipe:
        """A row above 0 means a network that gives all sources."""
        return Recipe(
            kind=kind,
            files=tuple(map(str, files)),
            rows=tuple(rows),
            outputs=SPECIALISTS if max(rows) > 0 else 1,
            frames=self.frames,
            threads=self.threads,
            engine=engine,
            share=share,
            cache=self.cache,
        )
