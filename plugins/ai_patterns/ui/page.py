"""The pages as HTML: self-contained, escaped, light and dark, for keyboard and phone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from ai_patterns.ui.heat_map import heat_map, verdict_map
from ai_patterns.ui.pages import PAGES
from ai_patterns.ui.plot import line_plot
from ai_patterns.ui.views import PATTERNS, View


def render(views: Sequence[View], root: str = "", dag_id: str | None = None) -> str:
    """The map of systems.

    Args:
        views: what to show, one section a system.
        root: path below which Airflow's own pages lie, without a closing slash.
        dag_id: the DAG whose tab this is; None for the page of all systems.
    """
    shown = {"views": views, "root": root, "dag_id": dag_id, "patterns": PATTERNS}
    return _template("map").render(shown, system=None, title=dag_id, page=None)


def render_page(page: str, system: str, values: Mapping[str, Any], root: str = "") -> str:
    """One page of a system.

    Args:
        page: name of its template.
        system: the system's name.
        values: what the template shows.
        root: as of `render`.
    """
    return _template(page).render({"title": PAGES.get(page), **values}, system=system, root=root, page=page)


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = figure
    environment.globals |= {"pages": PAGES, "plot": line_plot, "heat_map": heat_map, "verdict_map": verdict_map}
    return environment.get_template(f"{name}.html")


def figure(value: object) -> str:
    """A figure as people read it.

    >>> figure(0.70614), figure(12345), figure(None), figure(dt.datetime(2013, 4, 7, 1, 30, tzinfo=dt.UTC))
    ('0.7061', '12,345', '-', '2013-04-07 01:30 UTC')
    """
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.4g}"
        case dt.datetime():
            return f"{value:%Y-%m-%d %H:%M} UTC"
        case _:
            return str(value)
