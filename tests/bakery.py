"""A made-up bakery: all key and feature types, values with nulls, an entity-less group, microseconds that matter."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ai_patterns.clients.feast_repository import feature_types
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.mlflow import CHAMPION, Registry
from ai_patterns.clients.mlflow_package import TrainedModel
from ai_patterns.clients.onnx import to_onnx
from ai_patterns.core.arrow_types import ARROW_TYPES
from ai_patterns.core.days import Days
from ai_patterns.core.estimators import make_estimator
from ai_patterns.spec.loading import load_system
from ai_patterns.spec.system import SystemSpec

FOLDER = Path(__file__).parent / "systems" / "bakery"
DAYS = Days.parse("2024-01-01/2024-01-04")
SHOPS = (1, 2, -7)
PRODUCTS = ("rye", "croissant", "Käse & Brot")
CHANGES = 40
"""Changes of each entity's values."""


def bakery() -> SystemSpec:
    return load_system(FOLDER)


def publish(lake: Lake, system: SystemSpec, seed: int = 5) -> None:
    """Publish made-up values of every group, and the products."""
    random = np.random.default_rng(seed)
    for group in system.groups:
        lake.replace_days(f"values/{group}", _values(system, group, random), DAYS)
    lake.replace("dimensions/products", _products(system))


def newest(lake: Lake, group: str, key: dict[str, Any], at: dt.datetime) -> dict[str, Any] | None:
    """The definition, in plain Python: the row with the greatest `valid_from <= at`."""
    rows = [
        row
        for row in _rows(lake.uri, lake.system, group)
        if row["valid_from"] <= at and all(row[name] == value for name, value in key.items())
    ]
    return max(rows, key=lambda row: row["valid_from"]) if rows else None


@lru_cache
def _rows(uri: str, system: str, group: str) -> list[dict[str, Any]]:
    return Lake(uri, system).read(f"values/{group}").to_pylist()


def _values(system: SystemSpec, group: str, random: np.random.Generator) -> pa.Table:
    rows = [
        {**key, "valid_from": instant, "day": instant.date(), **_features(system, group, random)}
        for key in _keys(system.key_of(group))
        for instant in _instants(random)
    ]
    kinds = {name: ARROW_TYPES[kind] for name, kind in feature_types(system, group).items()}
    keys = {name: ARROW_TYPES[system.decision_stream.columns[name].type] for name in system.key_of(group)}
    schema = {**keys, "valid_from": ARROW_TYPES["timestamp"], "day": pa.date32(), **kinds}
    return pa.Table.from_pylist(rows, pa.schema(schema.items()))


def _keys(names: tuple[str, ...]) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = [{}]
    for name in names:
        keys = [{**key, name: value} for key in keys for value in (SHOPS if name == "shop" else PRODUCTS)]
    return keys


def _instants(random: np.random.Generator) -> list[dt.datetime]:
    span = int((DAYS.end - DAYS.start).total_seconds() * 1e6)
    offsets = random.choice(span, CHANGES, replace=False)
    return [DAYS.start + dt.timedelta(microseconds=int(offset)) for offset in offsets]


def _features(system: SystemSpec, group: str, random: np.random.Generator) -> dict[str, Any]:
    draw = {
        "double": lambda: random.normal() / 3,
        "integer": lambda: int(random.integers(2**60, 2**62)),  # beyond the integers that a double holds
        "boolean": lambda: bool(random.integers(2)),
        "string": lambda: str(random.choice(["Ada", "Zoë", ""])),
        "timestamp": lambda: _instants(random)[0],
    }
    return {
        name: None if random.random() < 0.2 else draw[kind]() for name, kind in feature_types(system, group).items()
    }


def _products(system: SystemSpec) -> pa.Table:
    rows = [
        {"product": "rye", "price": 0.1 + 0.2, "shelf": "A", "sold_since": DAYS.start + dt.timedelta(microseconds=1)},
        {"product": "croissant", "price": None, "shelf": None, "sold_since": None},
    ]
    columns = system.dimensions["products"].columns
    return pa.Table.from_pylist(rows, pa.schema([(name, ARROW_TYPES[item.type]) for name, item in columns.items()]))


def register_champion(registry: Registry, system: SystemSpec, seed: int) -> int:
    """Fit the spec's estimator on made-up rows, log it and make it the champion."""
    version = register(registry, system, seed)
    registry.set_alias(CHAMPION, version)
    return version


def register(registry: Registry, system: SystemSpec, seed: int) -> int:
    """Fit the spec's estimator on made-up rows and log it; nobody follows it yet."""
    random = np.random.default_rng(seed)
    columns = system.model.columns
    matrix = random.normal(size=(300, len(columns))).astype(np.float32)
    matrix[:, 0] = random.integers(len(PRODUCTS), size=300)
    estimator = make_estimator(system.model).fit(matrix, matrix[:, 0] * seed + matrix[:, 1])
    version, _ = registry.log_model(
        TrainedModel(
            estimator=estimator,
            onnx=to_onnx(estimator, len(columns)),
            task="regression",
            columns=columns,
            encodings={"product": {name: float(code) for code, name in enumerate(PRODUCTS)}},
            example=matrix[:3],
            parameters={},
            metrics={},
            tags={},
            card={"rows": 300},
        )
    )
    return version
