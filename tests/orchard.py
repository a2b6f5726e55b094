"""A made-up system without flights in it: will a crate of fruit spoil, or how many kilograms of it?"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days, midnight
from ai_patterns.jobs.training_set import build_training_set
from ai_patterns.spec.system import SystemSpec

START = dt.date(2024, 5, 1)
DAYS = Days(START, dt.date(2024, 6, 9))
CRATES_A_DAY = 60
VARIETIES = ("boskoop", "cox", "gala", "jonagold")

MODELS: dict[str, dict[str, Any]] = {
    "classification": {
        "model": {
            "task": "classification",
            "estimator": "sklearn.ensemble.HistGradientBoostingClassifier",
            "parameters": {"max_iter": 40, "random_state": 7},
        },
        "label": "spoiled",
        "gates": {"absolute": {"auc": {"min": 0.7}, "brier": {"max": 0.24}}, "compare": "logloss", "tolerance": 0.02},
        "metric": "brier",
    },
    "regression": {
        "model": {
            "task": "regression",
            "estimator": "sklearn.ensemble.HistGradientBoostingRegressor",
            "parameters": {"max_iter": 40, "random_state": 7},
        },
        "label": "loss",
        "gates": {"absolute": {"r2": {"min": 0.5}}, "compare": "rmse", "tolerance": 0.05},
        "metric": "rmse",
    },
}


def orchard(task: str, **model: Any) -> SystemSpec:
    """The system, for one of the two tasks."""
    parts = MODELS[task]
    return SystemSpec.model_validate(
        {
            "name": "orchard",
            "description": "Crates of fruit.",
            "start": START,
            "sources": {"crates": {"path": "crates.parquet"}},
            "streams": {
                "packed": {
                    "sql": "packed.sql",
                    "key": ["crate"],
                    "event_time": "packed_at",
                    "known_time": "packed_at",
                    "columns": {
                        "crate": "string",
                        "packed_at": "timestamp",
                        "variety": "string",
                        "warmth": "double?",
                        "weight": "double",
                    },
                },
                "inspected": {
                    "sql": "inspected.sql",
                    "key": ["crate"],
                    "event_time": "inspected_at",
                    "known_time": "inspected_at",
                    "columns": {"crate": "string", "inspected_at": "timestamp", "spoiled": "boolean", "loss": "double"},
                },
            },
            "decision": {
                "stream": "packed",
                "inputs": ["crate", "packed_at", "variety", "warmth", "weight"],
                "label": {"stream": "inspected", "column": parts["label"], "maturity": "2d"},
            },
            "model": {
                "categorical": ["variety"],
                "features": {"fruit": ["variety", "weight"], "climate": ["warmth"]},
                "evaluation": "10d",
                "slices": ["variety"],
                **parts["model"],
                **model,
            },
            "gates": parts["gates"],
            "feedback": {"metric": parts["metric"], "max_loss": 0.1, "max_age": "30d", "cooldown": "7d", "budget": 3},
        }
    )


def crates(days: Days = DAYS, seed: int = 0) -> tuple[pa.Table, pa.Table]:
    """Rows of the two streams: crates packed on `days`, each inspected 30 hours later, one in fifty never."""
    generator = np.random.default_rng(seed)
    count = days.count * CRATES_A_DAY
    step = dt.timedelta(days=1) / CRATES_A_DAY
    packed_at = [days.start + number * step for number in range(count)]
    variety = generator.integers(0, len(VARIETIES), count)
    warmth, weight = generator.normal(15, 5, count), generator.uniform(5, 20, count)
    loss = np.maximum(0, 0.3 * (warmth - 15) + 0.8 * variety + generator.normal(0, 0.5, count))
    names = [f"{days.first}-{number:05d}" for number in range(count)]
    packed = {
        "crate": names,
        "packed_at": packed_at,
        "variety": [VARIETIES[place] for place in variety],
        "warmth": pa.array(np.where(generator.random(count) < 0.05, np.nan, warmth), from_pandas=True),
        "weight": weight,
    }
    kept = [number for number in range(count) if number % 50]
    inspected = {
        "crate": [names[number] for number in kept],
        "inspected_at": [packed_at[number] + dt.timedelta(hours=30) for number in kept],
        "spoiled": [bool(loss[number] > 1.2) for number in kept],
        "loss": [float(loss[number]) for number in kept],
    }
    return _dated(packed, "packed_at"), _dated(inspected, "inspected_at")


def fill(system: SystemSpec, lake: Lake, days: Days = DAYS, seed: int = 0) -> None:
    """Publish the crates of `days` and build their training set."""
    packed, inspected = crates(days, seed)
    lake.replace_days("events/packed", packed, days)
    lake.append("events/inspected", inspected, partition_by=["day"])
    build_training_set(system, lake, days)


def shuffle_labels(lake: Lake, seed: int = 1) -> None:
    """Give every crate another one's verdict: what a broken label job would do."""
    table = lake.read("events/inspected")
    order = pa.array(np.random.default_rng(seed).permutation(table.num_rows))
    for name in ("spoiled", "loss"):
        table = table.set_column(table.column_names.index(name), name, table[name].take(order))
    lake.replace("events/inspected", table)


def _dated(columns: dict[str, Any], time: str) -> pa.Table:
    table = pa.table(columns)
    place = table.column_names.index(time)
    table = table.set_column(place, time, table[time].cast(pa.timestamp("us", tz="UTC")))
    return table.append_column("day", pa.array([value.date() for value in table[time].to_pylist()], pa.date32()))


NOON = midnight(dt.date(2024, 6, 10)) + dt.timedelta(hours=12)
