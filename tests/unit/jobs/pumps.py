"""A small system of another domain: will a pump fail within a day of its inspection?"""

import datetime as dt
import json

import numpy as np
import pyarrow as pa

from ai_patterns.core.prediction_schema import prediction_schema
from ai_patterns.spec.system import SystemSpec

START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
TIME = pa.timestamp("us", tz="UTC")

PUMPS = SystemSpec.model_validate(
    {
        "name": "pumps",
        "description": "Will a pump fail within a day of its inspection?",
        "start": "2024-01-01",
        "sources": {"raw": {"path": "raw.csv"}},
        "streams": {
            "inspected": {
                "sql": "inspected.sql",
                "key": ["visit"],
                "event_time": "inspected_at",
                "known_time": "inspected_at",
                "columns": {"visit": "string", "inspected_at": "timestamp", "site": "string", "pressure": "double?"},
            },
            "outcome": {
                "sql": "outcome.sql",
                "key": ["visit"],
                "event_time": "ended_at",
                "known_time": "ended_at",
                "columns": {"visit": "string", "ended_at": "timestamp", "failed": "boolean?"},
            },
        },
        "decision": {
            "stream": "inspected",
            "inputs": ["visit", "inspected_at", "site", "pressure"],
            "label": {"stream": "outcome", "column": "failed", "maturity": "2d"},
        },
        "model": {
            "estimator": "sklearn.linear_model.LogisticRegression",
            "categorical": ["site"],
            "slices": ["site"],
            "features": {"everything": ["site", "pressure"]},
        },
        "gates": {"compare": "brier"},
        "feedback": {
            "metric": "brier",
            "max_loss": 0.05,
            "max_age": "28d",
            "cooldown": "6d",
            "budget": 2,
            "min_labels": 4,
        },
    }
)


def outcomes(*items):
    """Rows of `events/outcome`: (visit, failed, hours after the start at which it became known)."""
    visits, failed, hours = zip(*items, strict=True)
    known = [START + HOUR * hour for hour in hours]
    return pa.table(
        {
            "visit": pa.array(visits, pa.string()),
            "ended_at": pa.array(known, TIME),
            "failed": pa.array(failed, pa.bool_()),
            "day": pa.array([at.date() for at in known], pa.date32()),
        }
    )


def predictions(*items, version=1, mode="online"):
    """Rows of `predictions`: (visit, score, hours after the start, site)."""
    rows = []
    for visit, score, hour, site in items:
        at = START + HOUR * hour
        features = json.dumps({"visit": visit, "site": site, "pressure": 1.0 + score})
        rows.append(
            {
                "prediction_id": f"{visit}-{version}-{mode}",
                "visit": visit,
                "decided_at": at,
                "served_at": at,
                "features": features,
                "score": score,
                "model_version": version,
                "degraded": [],
                "mode": mode,
                "day": at.date(),
            }
        )
    return pa.Table.from_pylist(rows, prediction_schema(PUMPS))


def training_rows(days, *, per_day=200, seed=0, change=None):
    """Rows of `training_sets` on the given day numbers; `change(day, pressure, site)` injects a fault."""
    random, parts = np.random.default_rng(seed), []
    for day in days:
        pressure = random.normal(5, 1, per_day)
        site = random.choice(["north", "south", "west"], per_day).astype(object)
        if change is not None:
            pressure, site = change(day, pressure, site)
        at = START + DAY * day
        parts.append(
            pa.table(
                {
                    "day": pa.array([at.date()] * per_day, pa.date32()),
                    "visit": [f"{day}-{number}" for number in range(per_day)],
                    "decided_at": pa.array([at] * per_day, TIME),
                    "site": pa.array(site, pa.string()),
                    "pressure": pa.array(pressure, pa.float64()),
                }
            )
        )
    return pa.concat_tables(parts)
