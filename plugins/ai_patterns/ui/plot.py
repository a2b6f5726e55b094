"""A metric by week as inline SVG in the page's own colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

WIDTH, HEIGHT, LEFT, EDGE = 640, 200, 56, 26


def line_plot(rows: Sequence[Mapping[str, Any]], metric: str, bound: float | None = None) -> Markup:
    """The values of `metric` over the rows' `day`; empty where fewer than two weeks are known.

    A `bound` is drawn as a line across.

    >>> line_plot([{"day": "2013-04-07", "auc": 0.77}], "auc")
    Markup('')
    """
    known = [(str(row["day"]), float(row[metric])) for row in rows if row.get(metric) is not None]
    if len(known) < 2:
        return Markup("")
    low, high = _range([*(value for _, value in known), *([] if bound is None else [bound])])
    points = [(_x(index, len(known)), _y(value, low, high)) for index, (_, value) in enumerate(known)]
    line = Markup(" ").join(Markup("{:.1f},{:.1f}").format(*point) for point in points)
    dots = Markup("").join(
        Markup('<circle cx="{:.1f}" cy="{:.1f}" r="4"><title>{}: {:.4f}</title></circle>').format(x, y, day, value)
        for (x, y), (day, value) in zip(points, known, strict=True)
    )
    label = f"{metric} by week, from {known[0][1]:.4f} to {known[-1][1]:.4f}"
    return Markup(
        '<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}<polyline points="{}"/>{}</svg>'
    ).format(WIDTH, HEIGHT, label, _axes(low, high, known[0][0], known[-1][0]), _bound(bound, low, high), line, dots)


def _bound(bound: float | None, low: float, high: float) -> Markup:
    if bound is None:
        return Markup("")
    y = _y(bound, low, high)
    return Markup('<line class="bound" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"><title>{:g}</title></line>').format(
        LEFT, WIDTH - 8, y, y, bound
    )


def _range(values: Sequence[float]) -> tuple[float, float]:
    margin = (max(values) - min(values)) * 0.15 or abs(values[0]) * 0.05 or 1.0
    return min(values) - margin, max(values) + margin


def _x(index: int, count: int) -> float:
    return LEFT + index * (WIDTH - LEFT - 12) / (count - 1)


def _y(value: float, low: float, high: float) -> float:
    return HEIGHT - EDGE - (value - low) / (high - low) * (HEIGHT - EDGE - 8)


def _axes(low: float, high: float, first: str, last: str) -> Markup:
    lines = Markup("")
    for share in (0.0, 0.5, 1.0):
        value = low + share * (high - low)
        y = _y(value, low, high)
        lines += Markup('<line x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(LEFT, WIDTH - 8, y, y)
        lines += Markup('<text x="{}" y="{:.1f}" text-anchor="end">{:.3g}</text>').format(LEFT - 8, y + 4, value)
    lines += Markup('<text x="{}" y="{}">{}</text>').format(LEFT, HEIGHT - 6, first)
    return lines + Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(WIDTH - 8, HEIGHT - 6, last)
