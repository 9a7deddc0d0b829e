"""Nothing that comes from outside is run: no pickle, no eval, nothing that loads objects from data."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("daemon", "clients", "export", "benchmarks")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
MODULES = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle", "code"}
CALLS = {"eval", "exec", "compile"}
# What would unpickle or run a text, by the module that it belongs to.
LOADERS = {"yaml": {"load", "unsafe_load", "full_load"}, "torch": {"load"}, "os": {"system", "popen"}}
EXCEPTIONS = {
    # What is loaded was saved by the same run, in a folder that no other user can look into.
    "benchmarks/stemd_bench/network/pytorch.py": ["torch.load"],
}


def faults(tree: ast.AST) -> list[str]:
    """What a file does that it must not, with the line."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name.partition(".")[0] for alias in node.names]
            found += [f"{node.lineno}: {a.name} as {a.asname}" for a in node.names if a.asname and a.name in LOADERS]
        elif isinstance(node, ast.ImportFrom):
            names = [module := (node.module or "").partition(".")[0]]
            found += [f"{node.lineno}: {module}.{a.name}" for a in node.names if a.name in LOADERS.get(module, ())]
        else:
            names = []
        found += [f"{node.lineno}: imports {name}" for name in names if name in MODULES]  # type: ignore[attr-defined]
        if isinstance(node, ast.Call):
            found += _called(node)
    return found


def _called(node: ast.Call) -> list[str]:
    place, what = node.lineno, node.func
    if isinstance(what, ast.Name) and what.id in CALLS:
        return [f"{place}: calls {what.id}"]
    if any(word.arg == "allow_pickle" for word in node.keywords):
        return [f"{place}: allow_pickle"]
    if any(word.arg == "shell" and not _is_false(word.value) for word in node.keywords):
        return [f"{place}: a shell"]
    if isinstance(what, ast.Attribute):
        owner = what.value.id if isinstance(what.value, ast.Name) else ""
        if what.attr in LOADERS.get(owner, ()):
            return [f"{place}: {owner}.{what.attr}"]
        if what.attr in {"send_pyobj", "recv_pyobj"}:
            return [f"{place}: {what.attr}"]
    return []


def _is_false(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is False


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_runs_data(path: Path) -> None:
    found = [fault.partition(": ")[2] for fault in faults(ast.parse(path.read_text("utf-8")))]
    assert found == EXCEPTIONS.get(path.relative_to(ROOT).as_posix(), [])


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from marshal import loads",
        "eval(text)",
        "exec(text)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text)",
        "socket.recv_pyobj()",
        "subprocess.run(text, shell=True)",
        "os.system(text)",
        "from os import system",
        "from os import popen as start",
        "from torch import load",
        "import torch as t",
        "torch.load(path, weights_only=False)",
    ],
)
def test_what_would_run_data_is_found(line: str) -> None:
    assert faults(ast.parse(line))
