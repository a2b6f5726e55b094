"""One self-contained page on a system: its patterns, its performance, its alarms, its promotions."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from ai_patterns.clients.lake import Lake
from ai_patterns.core.drift import STRENGTH
from ai_patterns.errors import MissingDependencyError
from ai_patterns.jobs.estimate import read_estimates
from ai_patterns.jobs.group_view import read_decisions
from ai_patterns.jobs.status import system_status
from ai_patterns.spec.model import OF_TASK
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)
TEMPLATE = Path(__file__).with_name("report.html")
_INK = "#010203"
"""Stands for the page's text colour while a plot is drawn, so that it follows light and dark."""


def write_report(system: SystemSpec, lake: Lake, folder: Path | str) -> Path:
    """Write `report.html` and `report.json` into `folder`; return the page's path.

    The page needs no network: plots are inline SVG. Every value is escaped.

    Raises:
        MissingDependencyError: matplotlib, which the plots need, is not installed.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    status = system_status(system, lake)
    weeks = status["feedback_loop"]["performance"]
    plots = {metric: _plot(metric, weeks) for metric in OF_TASK[system.model.task]} if weeks else {}
    decisions = read_decisions(lake)
    drift = _plot(STRENGTH, [{**row, STRENGTH: row["value"]} for row in decisions], bound=1.0) if decisions else None
    estimates = [asdict(week) for week in read_estimates(system, lake, system.feedback.metric)]
    page, told = target / "report.html", status | {"drift": decisions, "estimates": estimates}
    (target / "report.json").write_text(json.dumps(told, default=str, indent=2) + "\n", "utf-8")
    values = {"status": status, "plots": plots, "decisions": decisions, "drift": drift, "estimates": estimates}
    page.write_text(_render(system=system, **values), "utf-8")
    log.info("the report is at %s", page)
    return page


def _render(**values: Any) -> str:
    environment = Environment(autoescape=True)
    environment.filters["figure"] = lambda value: "" if value is None else f"{value:.4g}"
    return environment.from_string(TEMPLATE.read_text("utf-8")).render(**values)


def _plot(metric: str, weeks: Sequence[Mapping[str, Any]], bound: float | None = None) -> Markup:
    """A metric by week as inline SVG in the page's text colour, with a line at its bound."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingDependencyError("matplotlib", "models") from None
    known = [week for week in weeks if week[metric] is not None]
    buffer = io.StringIO()
    # The salt and the missing date make the same figures give the same bytes.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": metric}):
        figure = Figure(figsize=(8, 2.6), layout="constrained")
        axes = figure.add_subplot()
        _draw(axes, metric, known)
        if bound is not None:
            axes.axhline(bound, color=_INK, linestyle="--", linewidth=1)
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    drawn = buffer.getvalue()
    return Markup(drawn[drawn.index("<svg") :].replace(_INK, "currentColor"))  # noqa: S704 - drawn from numbers and days


def _draw(axes: Any, metric: str, weeks: Sequence[Mapping[str, Any]]) -> None:
    axes.plot([week["day"].isoformat() for week in weeks], [week[metric] for week in weeks], "o-", color=_INK)
    axes.set_title(metric, color=_INK, loc="left")
    axes.tick_params(colors=_INK, axis="x", rotation=45)
    axes.tick_params(colors=_INK, axis="y")
    axes.spines[:].set_visible(False)
    axes.grid(visible=True, axis="y", color=_INK, alpha=0.2)
