"""What a label that comes from outside must look like."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping
from typing import Any

from ai_patterns.spec.model import Task
from ai_patterns.spec.streams import ColumnType

MAX_ID_LENGTH = 200

Key = Mapping[str, ColumnType]
"""The columns that identify a decision, with their types."""

Identity = str | tuple[Any, ...]
"""Whom a label is for: a prediction by its id, or a decision by the values of its key."""

_TYPES: Mapping[ColumnType, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "double": (int, float),
    "boolean": (bool,),
}


class RefusedError(Exception):
    """A row cannot be a label: the field and the reason."""


def read_label(row: Any, *, key: Key, task: Task, now: dt.datetime) -> tuple[Identity, float, dt.datetime]:
    """Whom the label is for, the label, and when its outcome was observed (UTC; `now` where the row does not say).

    A row holds `label`, perhaps `observed_at` (ISO 8601 with a zone, or a datetime), and either `prediction_id` or
    the columns of the decision's key.

    Raises:
        RefusedError: it does not.

    >>> at = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    >>> read_label({"visit": 7, "label": True}, key={"visit": "integer"}, task="classification", now=at)[:2]
    ((7,), 1.0)
    """
    if not isinstance(row, Mapping):
        raise RefusedError("", "not an object of fields")
    names = ("prediction_id",) if "prediction_id" in row else tuple(key)
    for name in row:
        if name not in (*names, "label", "observed_at"):
            wanted = f"prediction_id (or {', '.join(key)}), label, observed_at"
            raise RefusedError(str(name), f"no such field; a label has {wanted}")
    for name in (*names, "label"):
        if row.get(name) is None:
            raise RefusedError(name, "no value")
    return identity_of(row, key), _label(row["label"], task), _instant(row.get("observed_at", now), "observed_at")


def identity_of(row: Mapping[str, Any], key: Key) -> Identity:
    """Whom a row is for.

    Raises:
        RefusedError: its id or key cannot be one.
    """
    if "prediction_id" not in row:
        return tuple(_key_value(name, row.get(name), kind) for name, kind in key.items())
    name = row["prediction_id"]
    if not isinstance(name, str) or not 0 < len(name) <= MAX_ID_LENGTH:
        raise RefusedError("prediction_id", f"not a text of 1 to {MAX_ID_LENGTH} characters")
    return name


def identity_text(identity: Identity) -> str:
    """An identity as text: the prediction's id, or the key's values as JSON.

    >>> identity_text(("UA1", 7))
    '["UA1", 7]'
    """
    return identity if isinstance(identity, str) else json.dumps(identity, default=str)


def _key_value(name: str, value: Any, kind: ColumnType) -> Any:
    if kind == "timestamp":
        return _instant(value, name)
    fits = isinstance(value, _TYPES[kind]) and isinstance(value, bool) == (kind == "boolean")
    if not fits:
        raise RefusedError(name, f"not of type {kind}")
    if kind == "integer" and not -(2**63) <= value < 2**63:
        raise RefusedError(name, "not an integer of 64 bits")
    return float(value) if kind == "double" else value


def _label(value: Any, task: Task) -> float:
    if not isinstance(value, int | float) or not _finite(value):
        raise RefusedError("label", "not a finite number")
    if task == "classification" and value not in (0, 1):
        raise RefusedError("label", "neither 0 nor 1")
    return float(value)


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond every double
        return False


def _instant(value: Any, name: str) -> dt.datetime:
    try:
        instant = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise RefusedError(name, "not an instant in ISO 8601") from None
    if instant.tzinfo is None:
        raise RefusedError(name, "has no time zone")
    try:
        return instant.astimezone(dt.UTC)
    except OverflowError:
        raise RefusedError(name, "outside the calendar") from None
