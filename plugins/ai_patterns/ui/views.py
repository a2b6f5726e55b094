"""What the page shows of each system; a broken spec or an absent lake is shown, never raised."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ai_patterns.spec.system import SystemSpec
from ai_patterns.ui.pages import open_lake
from ai_patterns.ui.systems import find_all

log = logging.getLogger(__name__)

# In the order of the loop: pattern -> title, first DAG, what it is for.
PATTERNS = {
    "stream_processing": ("Stream processing", "stream_processing", "Land topics, fold tiles"),
    "data_pipeline": ("Data pipeline", "data_pipeline", "Ingest, audit, publish"),
    "batch_processing": ("Batch processing", "batch_processing", "Tiles and values"),
    "lambda_architecture": ("Lambda architecture", "lambda_architecture", "Merge layers, certify"),
    "feature_store": ("Feature store", "feature_store", "Registry, online values"),
    "online_offline_serving": ("Training and promotion", "model_training", "Train, review, promote"),
    "model_as_a_service": ("Model as a service", "model_as_a_service", "Serve the champion"),
    "microservices": ("Microservices", "microservices", "Deploy, replace, scale"),
    "feedback_loop": ("Feedback loop", "feedback_loop", "Labels, performance, retraining"),
    "monitoring": ("Monitoring", "monitoring", "Data, predictions, drift"),
}
MISSING = "missing"

MOST_SYSTEMS = 20
"""Systems that are looked at for one page; the others are named, and each has a map of its own."""


@dataclass(frozen=True)
class View:
    """One system on the page.

    Attributes:
        name: the system's name, or its folder's where the spec is broken.
        spec: the spec; None where it is broken.
        problem: what is missing or wrong, in words; empty where all is well.
        status: pattern -> state, summary and figures; empty where nobody looked.
    """

    name: str
    spec: SystemSpec | None = None
    problem: str = ""
    status: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def is_named_only(self) -> bool:
        """Whether nobody looked at it."""
        return not (self.status or self.problem)


def find_views(only: str | None = None) -> list[View]:
    """The systems of this Airflow by name, or the one named `only`."""
    try:
        found = find_all()
    except Exception as error:
        log.warning("no systems on the page: %s", error)
        return [View("systems", problem=str(error))]
    specs = sorted((spec for spec in found.systems if only in (None, spec.name)), key=lambda spec: spec.name)
    broken = [View(Path(error.file or "?").parent.name, problem=str(error)) for error in found.errors]
    views = [
        *map(_view, specs[:MOST_SYSTEMS]),
        *(View(spec.name, spec) for spec in specs[MOST_SYSTEMS:]),
        *(view for view in broken if only in (None, view.name)),
    ]
    return sorted(views, key=lambda view: view.name)


def _view(spec: SystemSpec) -> View:
    from ai_patterns.jobs.status import system_status

    try:
        return View(spec.name, spec, status=system_status(spec, open_lake(spec)))
    except Exception as error:  # whatever fails, the page is where an operator comes to look
        log.warning("no figures of %s on the page: %s", spec.name, error)
        away = {name: {"state": MISSING, "summary": "no figures"} for name in PATTERNS}
        return View(spec.name, spec, problem=str(error), status=away)
