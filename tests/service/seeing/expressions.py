"""What PromQL expressions ask for: metric names, with the labels that they select and group by."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# String, word, number (also `1h`), or sign.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_:$][\w:$]*|\d[\w.]*|[^\s\w]')
_GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}
# Words of PromQL that are in use here; one that is missing is taken for a metric, and the test complains.
_FUNCTIONS = {"rate", "increase", "changes", "sum", "min", "max", "topk", "histogram_quantile", "label_values"}
TARGET_LABELS = {"job", "instance"}  # Prometheus adds them to all that it scrapes


@dataclass(frozen=True)
class Wanted:
    """A metric in an expression, and the labels that the expression expects it to have."""

    metric: str
    labels: frozenset[str]


def wanted(expression: str) -> Iterator[Wanted]:
    """Each metric of an expression; the labels that it is grouped by are expected of all."""
    tokens = _TOKEN.findall(re.sub(r"\[[^]]*\]", "", expression))
    metrics: list[tuple[str, set[str]]] = []
    grouped: set[str] = set()
    at = 0
    while at < len(tokens):
        part = tokens[at]
        if part in _GROUPING:
            end = tokens.index(")", at)
            grouped |= {word for word in tokens[at + 2 : end] if word != ","}
            at = end
        elif part == "{":
            end = tokens.index("}", at)
            metrics[-1][1].update(
                word
                for word, sign in zip(tokens[at:end], tokens[at + 1 : end], strict=False)
                if sign in "=!" and re.match(r"[a-z_]", word)
            )
            at = end
        elif re.match(r"[A-Za-z_]", part) and part not in _FUNCTIONS:
            metrics.append((part, set()))
        at += 1
    for name, labels in metrics:
        yield Wanted(name, frozenset(labels | grouped))
