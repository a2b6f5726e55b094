"""Figures of a step as metrics: every number of its summary under a dotted name."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

DEPTH = 2
"""A figure, and what it is of: `rows`, or `rows.weather`. What lies deeper is no figure."""


def figures(summary: Mapping[str, Any], depth: int = DEPTH) -> Iterator[tuple[str, float]]:
    """Dotted names and values of a summary's numbers; all else, and what is not finite, is left out.

    >>> list(figures({"alarms": 2, "rows": {"weather": 72, "departed": 9}, "passed": True, "path": "/tmp/x"}))
    [('alarms', 2.0), ('rows.weather', 72.0), ('rows.departed', 9.0), ('passed', 1.0)]
    """
    for name, value in summary.items():
        if isinstance(value, Mapping) and depth > 1:
            yield from ((f"{metric_part(name)}.{rest}", number) for rest, number in figures(value, depth - 1))
        elif isinstance(value, int | float) and math.isfinite(value):
            yield metric_part(name), float(value)


def step_name(class_name: str) -> str:
    """The step of an operator.

    >>> step_name("DetectDriftOperator")
    'detect_drift'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", class_name.removesuffix("Operator")).lower()


def metric_part(name: object) -> str:
    """A name as one part of a dotted one: StatsD separates by dots, colons, commas and bars.

    >>> metric_part("quality/null share")
    'quality_null_share'
    """
    return re.sub(r"[^A-Za-z0-9_-]", "_", str(name))
