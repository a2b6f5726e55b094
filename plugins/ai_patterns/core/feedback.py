"""Feedback: predictions meet their labels once these are known. An immature label is never a negative one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

LABELLED, WAITING, UNLABELLED = "labelled", "waiting", "unlabelled"
"""States of a prediction: its label is known; it may still come; it is mature and none came."""


@dataclass(frozen=True)
class JoinedLabels:
    """Predictions beside what turned out to be true.

    Attributes:
        rows: the predictions with `label` (double, null unless labelled), `label_known_at` and `state`.
        unknown: number of labels whose decision nobody predicted.
    """

    rows: pa.Table
    unknown: int

    def count(self, state: str) -> int:
        """Number of predictions in a state."""
        return int(pc.sum(pc.equal(self.rows["state"], state)).as_py() or 0)

    @property
    def labelled(self) -> pa.Table:
        """The predictions that have a label."""
        return self.rows.filter(pc.equal(self.rows["state"], LABELLED))


def known_labels(labels: pa.Table, key: Sequence[str], as_of: dt.datetime) -> pa.Table:
    """One label a decision: of those known before `as_of`, the one known last (a correction wins).

    >>> log = pa.table({"id": ["a", "a"], "label": [0.0, 1.0],
    ...     "label_known_at": [dt.datetime(2024, 1, day, tzinfo=dt.UTC) for day in (1, 3)]})
    >>> known_labels(log, ["id"], dt.datetime(2024, 1, 2, tzinfo=dt.UTC))["label"].to_pylist()
    [0.0]
    >>> known_labels(log, ["id"], dt.datetime(2024, 1, 4, tzinfo=dt.UTC))["label"].to_pylist()
    [1.0]
    """
    seen = labels.select([*key, "label", "label_known_at"])
    seen = seen.filter(pc.less(seen["label_known_at"], pa.scalar(as_of, seen["label_known_at"].type)))
    ordered = seen.sort_by([("label_known_at", "ascending")])
    newest = ordered.group_by(list(key), use_threads=False).aggregate([("label", "last"), ("label_known_at", "last")])
    return newest.rename_columns({"label_last": "label", "label_known_at_last": "label_known_at"})


def join_known_labels(
    predictions: pa.Table, labels: pa.Table, key: Sequence[str], *, as_of: dt.datetime, maturity: dt.timedelta
) -> JoinedLabels:
    """Join predictions and labels by decision key, as the world stood at `as_of` (UTC).

    Args:
        predictions: key columns and `decided_at`; other columns are kept.
        labels: key columns, `label`, `label_known_at`; several rows of a key are corrections.
        key: the columns that identify a decision.
        as_of: labels known at or after this instant are not seen.
        maturity: how long after its decision a label may still come.
    """
    known = known_labels(labels, key, as_of)
    numbered = predictions.append_column("_row", pa.array(range(len(predictions)), pa.int64()))
    rows = numbered.join(known, list(key), join_type="left outer").sort_by("_row").drop_columns("_row")
    unknown = len(known.join(predictions.select(list(key)), list(key), join_type="left anti"))
    return JoinedLabels(rows.append_column("state", _states(rows, as_of, maturity)), unknown)


def one_per_decision(predictions: pa.Table, key: Sequence[str]) -> pa.Table:
    """The prediction of each decision that was acted on: online before batch, then the first one served."""
    if not len(predictions):
        return predictions
    ranked = predictions.append_column("_batch", pc.not_equal(predictions["mode"], "online"))
    order = [("_batch", "ascending"), ("served_at", "ascending"), ("prediction_id", "ascending")]
    ranked = ranked.sort_by(order).append_column("_row", pa.array(range(len(predictions)), pa.int64()))
    first = ranked.group_by(list(key), use_threads=False).aggregate([("_row", "min")])["_row_min"]
    return ranked.take(np.sort(first.to_numpy())).drop_columns(["_batch", "_row"])


def _states(rows: pa.Table, as_of: dt.datetime, maturity: dt.timedelta) -> pa.Array:
    decided = rows["decided_at"]
    mature = pc.less_equal(decided, pa.scalar(as_of - maturity, decided.type))
    late = pc.if_else(mature, UNLABELLED, WAITING)
    return pc.if_else(pc.is_valid(rows["label"]), LABELLED, late)
