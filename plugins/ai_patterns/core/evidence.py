"""A review in words, for the person who must approve it: Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_HEAD = ("Gate", "Verdict", "Value", "Bound", "Interval", "p", "Adjusted p", "Blocks, rows")


def describe_review(review: Mapping[str, Any]) -> str:
    """The verdicts of `ReviewModelOperator`'s summary as a table.

    Args:
        review: `version`, `champion`, and `gates` as plain values.

    >>> gate = {"name": "auc min", "value": 0.71, "bound": 0.7, "passed": True, "detail": "", "evidence": None}
    >>> print(describe_review({"version": 2, "champion": 1, "gates": [gate]}))
    Version 2 would take the place of version 1.
    <BLANKLINE>
    | Gate | Verdict | Value | Bound | Interval | p | Adjusted p | Blocks, rows |
    |---|---|---|---|---|---|---|---|
    | auc min | passed | 0.71 | 0.7 |  |  |  |  |
    """
    champion = review["champion"]
    place = "be the first champion" if champion is None else f"take the place of version {champion}"
    lines = [f"Version {review['version']} would {place}.", "", _line(_HEAD), "|---" * len(_HEAD) + "|"]
    return "\n".join([*lines, *(_line(_cells(gate)) for gate in review["gates"])])


def _cells(gate: Mapping[str, Any]) -> tuple[str, ...]:
    verdict = "passed" if gate["passed"] else "FAILED"
    told = (str(gate["name"]), verdict, f"{gate['value']:.4g}", f"{gate['bound']:.4g}")
    test = gate["evidence"]
    if test is None:
        return (*told, "", "", "", "")
    interval = f"{test['lower']:+.4g} to {test['upper']:+.4g}"
    return (*told, interval, f"{test['p']:.3g}", f"{test['adjusted_p']:.3g}", f"{test['blocks']}, {test['rows']}")


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
