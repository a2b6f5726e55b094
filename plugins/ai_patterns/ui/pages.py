"""What each page of a system reads: values for its template, from the lake alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ai_patterns.clients.kept_tables import KeptTables
from ai_patterns.hooks.lake import LakeHook
from ai_patterns.spec.system import SystemSpec
from ai_patterns.ui.systems import find_all

if TYPE_CHECKING:
    from ai_patterns.clients.lake import Lake

Values = Mapping[str, Any]

PAGES = {
    "features": "Features",
    "models": "Models",
    "streams": "Streams",
    "quality": "Data quality",
    "predictions": "Predictions",
    "costs": "Costs",
}
"""Pages of a system in the order of the navigation."""

MOST = 200
"""Rows that a table shows; what is left out is told."""

_KEPT = KeptTables()


def find_system(name: str) -> SystemSpec | None:
    """The system of that name in this Airflow; None where there is none, whatever the name holds."""
    return next((spec for spec in find_all().systems if spec.name == name), None)


def open_lake(spec: SystemSpec) -> Lake:
    """The system's lake for one page.

    Raises:
        ServiceUnavailableError: the lake is away.
    """
    from ai_patterns.clients.opened_lake import OpenedLake

    return OpenedLake.over(LakeHook().lake(spec.name), _KEPT)


def read_page(spec: SystemSpec, page: str) -> Values:
    """The values of a page.

    Raises:
        ServiceUnavailableError: the lake is away.
    """
    return _READERS[page](spec, open_lake(spec))


def read_prediction(spec: SystemSpec, prediction_id: str) -> Values:
    """Lineage of one prediction and, where it was served online, both vectors.

    Raises:
        LookupError: there is no such prediction.
        ServiceUnavailableError: the lake is away.
    """
    from ai_patterns.hooks.mlflow import MLflowHook
    from ai_patterns.jobs.lineage import explain
    from ai_patterns.jobs.parity_view import read_pair
    from ai_patterns.jobs.served_vectors import find_prediction

    lake, registry = open_lake(spec), MLflowHook().registry(spec.name)
    place = find_prediction(lake, prediction_id)
    if place.mode != "online":
        return {"lineage": explain(spec, lake, registry, place), "pair": None}
    with ThreadPoolExecutor(max_workers=1) as beside:
        pair = beside.submit(read_pair, spec, open_lake(spec), place)
        return {"lineage": explain(spec, lake, registry, place), "pair": pair.result()}


def _features(spec: SystemSpec, lake: Lake) -> Values:
    from ai_patterns.hooks.feature_store import FeatureStoreHook
    from ai_patterns.jobs.group_view import read_decisions, read_drift, read_groups
    from ai_patterns.jobs.parity_view import read_examples, read_shares

    return {
        "groups": read_groups(spec, lake, FeatureStoreHook().folder(spec.name)),
        "parity": read_shares(lake),
        "examples": read_examples(lake),
        "drift": read_drift(lake),
        "decisions": read_decisions(lake),
    }


def _models(spec: SystemSpec, lake: Lake) -> Values:
    from ai_patterns.clients.ledger import read_promotions
    from ai_patterns.clients.rollout_ledger import read_rollouts
    from ai_patterns.jobs.champion import read_champion
    from ai_patterns.jobs.status import read_weeks

    return {
        "champion": read_champion(lake),
        "ledger": read_promotions(lake)[-MOST:],
        "rollouts": read_rollouts(lake)[-MOST:],
        "metric": spec.feedback.metric,
        "weeks": read_weeks(lake),
    }


def _streams(spec: SystemSpec, lake: Lake) -> Values:
    from ai_patterns.jobs.layers import read_landed, read_layers

    landed = read_landed(spec, lake)
    layers = read_layers(lake, landed)
    return {
        "topics": [stream.topic for stream in spec.streams.values() if stream.topic],
        "landed": landed,
        "layers": asdict(layers) if layers else None,
    }


def _quality(spec: SystemSpec, lake: Lake) -> Values:
    from ai_patterns.jobs.quality_view import read_quarantine, read_verdicts

    return {"quarantine": read_quarantine(spec, lake), "verdicts": read_verdicts(lake), "most": MOST}


def _predictions(spec: SystemSpec, lake: Lake) -> Values:
    from ai_patterns.jobs.prediction_view import read_latest

    return {"latest": read_latest(spec, lake), "key": spec.decision_stream.key, "wanted": None}


def _costs(spec: SystemSpec, lake: Lake) -> Values:
    from ai_patterns.jobs.costs import read_costs

    return {"costs": read_costs(spec, lake)}


_READERS: Mapping[str, Callable[[SystemSpec, Lake], Values]] = {
    "features": _features,
    "models": _models,
    "streams": _streams,
    "quality": _quality,
    "predictions": _predictions,
    "costs": _costs,
}
