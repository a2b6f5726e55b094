"""One self-contained page on a system: its patterns, its performance, its alarms, its promotions."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from ai_patterns.clients.lake import Lake
from ai_patterns.errors import MissingDependencyError
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
    (target / "report.json").write_text(json.dumps(status, default=str, indent=2) + "\n", "utf-8")
    weeks = status["feedback_loop"]["performance"]
    plots = {metric: _plot(metric, weeks) for metric in OF_TASK[system.model.task]} if weeks else {}
    page = target / "report.html"
    page.write_text(_render(system=system, status=status, plots=plots), "utf-8")
    log.info("the report is at %s", page)
    return page


def _render(**values: Any) -> str:
    environment = Environment(autoescape=True)
    environment.filters["figure"] = lambda value: "" if value is None else f"{value:.4g}"
    return environment.from_string(TEMPLATE.read_text("utf-8")).render(**values)


def _plot(metric: str, weeks: Sequence[dict[str, Any]]) -> Markup:
    """A metric by week as inline SVG in the page's text colour."""
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
        _draw(figure.add_subplot(), metric, known)
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    drawn = buffer.getvalue()
    return Markup(drawn[drawn.index("<svg") :].replace(_INK, "currentColor"))  # noqa: S704 - drawn from numbers and days


def _draw(axes: Any, metric: str, weeks: Sequence[dict[str, Any]]) -> None:
    axes.plot([week["day"].isoformat() for week in weeks], [week[metric] for week in weeks], "o-", color=_INK)
    axes.set_title(metric, color=_INK, loc="left")
    axes.tick_params(colors=_INK, axis="x", rotation=45)
    axes.tick_params(colors=_INK, axis="y")
    axes.spines[:].set_visible(False)
    axes.grid(visible=True, axis="y", color=_INK, alpha=0.2)
