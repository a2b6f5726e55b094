"""A made-up system in a folder: a shop's orders and its sensors' readings, for tests of the data pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ai_patterns.spec.loading import load_system
from ai_patterns.spec.system import SystemSpec

HEADER = "id,placed,known,shop,price,pieces,rating"

ORDERS_SQL = "SELECT * FROM orders"
SHOPS_SQL = "SELECT shop AS id, count(*) AS known_orders FROM orders GROUP BY ALL"


def shop(folder: Path, lines: list[str], *, header: str = HEADER, **stream: Any) -> SystemSpec:
    """Write the system with these orders (CSV lines) and load it; `stream` adds to the stream's spec."""
    root = folder / "shop"
    root.mkdir(parents=True, exist_ok=True)
    (root / "orders.csv").write_text("\n".join([header, *lines]) + "\n")
    (root / "orders.sql").write_text(ORDERS_SQL)
    (root / "shops.sql").write_text(SHOPS_SQL)
    system = load_system(_write_spec(root))
    if stream:
        orders = type(system.streams["orders"]).model_validate(
            {**system.streams["orders"].model_dump(exclude_unset=True), **stream}
        )
        folder_of = system.folder
        system = system.model_copy(update={"streams": {"orders": orders}})
        system._folder = folder_of
    return system


def order(number: int, day: str = "2024-01-01", **fields: object) -> str:
    """One good order as a CSV line, known an hour after it was placed; `fields` replaces values."""
    minute = f"{number % 60:02d}"
    values: dict[str, object] = {
        "id": f"o{number:03d}",
        "placed": f"{day}T10:{minute}:00Z",
        "known": f"{day}T11:{minute}:00Z",
        "shop": "north",
        "price": 9.5 + number,
        "pieces": 1 + number % 4,
        "rating": 4.0,
    }
    return ",".join(str(value) for value in {**values, **fields}.values())


def orders(count: int, day: str = "2024-01-01", first: int = 0) -> list[str]:
    """Good orders of one day."""
    return [order(number, day) for number in range(first, first + count)]


def _write_spec(root: Path) -> Path:
    (root / "system.yaml").write_text(_SPEC)
    return root


_SPEC = """
name: shop
description: Will an order come back?
start: 2024-01-01
sources: {orders: {path: orders.csv}}
streams:
  orders:
    sql: orders.sql
    key: [id]
    event_time: placed
    known_time: known
    max_quarantine_share: 0.2
    columns:
      id: string
      placed: timestamp
      known: timestamp
      shop: {type: string, values: [north, south]}
      price: {type: double, min: 0, max: 1000}
      pieces: {type: integer, min: 1}
      rating: {type: double, nullable: true, max_null_share: 0.25}
dimensions: {shops: {sql: shops.sql, key: [id], columns: {id: string, known_orders: integer}}}
groups:
  shop_now: {stream: orders, key: [shop], hop: 1h, aggregations: {price: mean(price) over 1d}}
decision:
  stream: orders
  lead: 1h
  inputs: [id, placed, shop, price]
  label: {stream: orders, column: pieces, maturity: 1d}
model:
  estimator: sklearn.linear_model.LogisticRegression
  evaluation: 7d
  features: {basket: [price, shop_now__price_1d]}
gates: {absolute: {auc: {min: 0.5}}, compare: logloss, tolerance: 0.1}
feedback: {metric: brier, max_loss: 0.1, max_age: 28d, cooldown: 6d, budget: 3, min_labels: 10}
"""
