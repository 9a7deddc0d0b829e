"""The minimal reproduction in export/README.md does what it says."""

import re
from pathlib import Path
from typing import Any

README = Path(__file__).parents[2] / "export" / "README.md"


def test_onnxruntime_is_off_in_one_stage_and_not_in_two() -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(program, names)  # noqa: S102 - that is what readers do with it
    assert names["two"] < 1e-5
    assert names["one"] > 5 * names["two"]
