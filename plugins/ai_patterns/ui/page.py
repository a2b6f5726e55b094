"""The page as HTML: self-contained, escaped, light and dark, for keyboard and phone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from ai_patterns.ui.heat_map import heat_map
from ai_patterns.ui.plot import line_plot
from ai_patterns.ui.views import PATTERNS, View

if TYPE_CHECKING:
    from ai_patterns.jobs.parity_view import VectorPair


def render(views: Sequence[View], root: str = "", dag_id: str | None = None) -> str:
    """The whole page.

    Args:
        views: what to show, one section a system.
        root: path below which Airflow's own pages lie, without a closing slash.
        dag_id: the DAG whose tab this is; None for the page of all systems.
    """
    return _template("page.html").render(
        views=views, root=root, dag_id=dag_id, patterns=PATTERNS, plot=line_plot, heat_map=heat_map
    )


def render_pair(system: str, pair: VectorPair, root: str = "") -> str:
    """The page of one prediction: its served and its recomputed vector side by side.

    Args:
        system: the system's name.
        pair: the two vectors.
        root: as of `render`.
    """
    return _template("pair.html").render(system=system, pair=pair, root=root)


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = figure
    return environment.get_template(name)


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
