"""What the page shows of each system; a broken spec or an absent lake is shown, never raised."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ai_patterns.hooks.systems import find_all
from ai_patterns.spec.system import SystemSpec

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


@dataclass(frozen=True)
class View:
    """One system on the page.

    Attributes:
        name: the system's name, or its folder's where the spec is broken.
        spec: the spec; None where it is broken.
        problem: what is missing or wrong, in words; empty where all is well.
        status: pattern -> state, summary and figures.
    """

    name: str
    spec: SystemSpec | None = None
    problem: str = ""
    status: dict[str, dict[str, Any]] = field(default_factory=dict)


def find_views(only: str | None = None) -> list[View]:
    """The systems of this Airflow by name, or the one named `only`."""
    try:
        found = find_all()
    except Exception as error:
        log.warning("no systems on the page: %s", error)
        return [View("systems", problem=str(error))]
    views = [_view(spec) for spec in found.systems]
    views += [View(Path(error.file or "?").parent.name, problem=str(error)) for error in found.errors]
    return sorted((view for view in views if only in (None, view.name)), key=lambda view: view.name)


def _view(spec: SystemSpec) -> View:
    from ai_patterns.hooks.lake import LakeHook
    from ai_patterns.jobs.status import system_status

    try:
        lake = LakeHook().lake(spec.name)
        return View(spec.name, spec, status=system_status(spec, lake))
    except Exception as error:  # whatever fails, the page is where an operator comes to look
        log.warning("no figures of %s on the page: %s", spec.name, error)
        away = {name: {"state": MISSING, "summary": "no figures"} for name in PATTERNS}
        return View(spec.name, spec, problem=str(error), status=away)
