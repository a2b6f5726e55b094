"""How long each page of the plugin takes on what `make demo` left behind: its figures read and its HTML made.

The goal is half a second a page in a process that has shown one before, as Airflow's API server has; the first page of
a process is told besides. Of predictions, a day's first online one is asked for, with both of its vectors.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".run" / "demo"
sys.path[:0] = [str(ROOT / "plugins")]
os.environ |= {
    "AIRFLOW_HOME": str(HOME / "airflow"),
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
    "AI_PATTERNS_HOME": str(HOME),
    "AI_PATTERNS_SYSTEMS": str(ROOT / "include" / "systems"),
    "AI_PATTERNS_LAKE": str(HOME / "lake"),
    "AI_PATTERNS_TRACKING_URI": f"sqlite:///{HOME}/mlflow.db",
}

import pyarrow.compute as pc  # noqa: E402

from ai_patterns.clients.lake import Lake  # noqa: E402
from ai_patterns.core.predictions import TABLE  # noqa: E402
from ai_patterns.spec.system import SystemSpec  # noqa: E402
from ai_patterns.ui.page import render, render_page  # noqa: E402
from ai_patterns.ui.pages import PAGES, find_system, read_page, read_prediction  # noqa: E402
from ai_patterns.ui.views import find_views  # noqa: E402

OUTPUT = Path(".run/bench/pages.json")
GOAL, TIMES = 0.5, 5


def main() -> None:
    """Show every page and write the figures."""
    system = find_system("flights")
    if system is None or not (HOME / "lake").is_dir():
        sys.exit("there is no lake of a demo in .run/demo: `make demo` first")
    figures = [_figure(name, show) for name, show in _pages(system).items()]
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    print(json.dumps(figures, indent=2))


def _pages(system: SystemSpec) -> dict[str, Callable[[], str]]:
    shown: dict[str, Callable[[], str]] = {"map": lambda: render(find_views())}
    for name in PAGES:
        shown[name] = lambda name=name: render_page(name, system.name, read_page(system, name))
    for mode, prediction in _predictions(system).items():
        shown[f"prediction, {mode}"] = lambda prediction=prediction: render_page(
            "prediction", system.name, read_prediction(system, prediction)
        )
    return shown


def _predictions(system: SystemSpec) -> dict[str, str]:
    """The newest prediction of each mode."""
    rows = Lake(str(HOME / "lake"), system.name).read(TABLE, columns=["prediction_id", "mode", "decided_at"])
    rows = rows.sort_by("decided_at")
    return {
        mode: rows.filter(pc.equal(rows["mode"], mode))["prediction_id"][-1].as_py() for mode in ("online", "batch")
    }


def _figure(page: str, show: Callable[[], str]) -> dict[str, Any]:
    seconds = []
    for _ in range(TIMES + 1):
        began = time.perf_counter()
        show()
        seconds.append(time.perf_counter() - began)
    first, *later = seconds
    middle = sorted(later)[len(later) // 2]
    figures = {
        "first ms": round(first * 1000),
        "median ms": round(middle * 1000),
        "slowest ms": round(max(later) * 1000),
    }
    return {"page": page, **figures, "goal ms": round(GOAL * 1000), "met": max(later) < GOAL}


if __name__ == "__main__":
    main()
