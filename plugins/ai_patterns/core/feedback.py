"""Feedback: predictions meet their labels once these are known. An immature label is never a negative one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.spec.model import LabelSpec

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

    Of two that became known at one instant the one observed last wins.

    >>> times = [dt.datetime(2024, 1, day, tzinfo=dt.UTC) for day in (1, 3)]
    >>> log = pa.table({"id": ["a", "a"], "label": [0.0, 1.0], "label_known_at": times, "observed_at": times})
    >>> known_labels(log, ["id"], dt.datetime(2024, 1, 2, tzinfo=dt.UTC))["label"].to_pylist()
    [0.0]
    >>> known_labels(log, ["id"], dt.datetime(2024, 1, 4, tzinfo=dt.UTC))["label"].to_pylist()
    [1.0]
    """
    seen = labels.filter(pc.less(labels["label_known_at"], pa.scalar(as_of, labels["label_known_at"].type)))
    ordered = seen.sort_by([("label_known_at", "ascending"), ("observed_at", "ascending")])
    newest = ordered.group_by(list(key), use_threads=False).aggregate([("label", "last"), ("label_known_at", "last")])
    return newest.rename_columns({"label_last": "label", "label_known_at_last": "label_known_at"})


def join_known_labels(
    decisions: pa.Table, labels: pa.Table, key: Sequence[str], spec: LabelSpec, *, as_of: dt.datetime
) -> JoinedLabels:
    """Join decisions, or predictions of them, and labels by decision key, as the world stood at `as_of` (UTC).

    Args:
        decisions: key columns and `decided_at`; other columns are kept.
        labels: key columns, `label`, `label_known_at`, `observed_at`; several rows of a key are corrections.
        key: the columns that identify a decision.
        spec: maturity, attribution, and what absence means.
        as_of: labels known at or after this instant are not seen.
    """
    asked = decisions.select([*key, "decided_at"])
    attributed = labels if spec.attribution is None else _attributed(asked, labels, key, spec.attribution)
    known = known_labels(attributed, key, as_of)
    numbered = asked.append_column("_row", pa.array(range(len(asked)), pa.int64()))
    found = numbered.join(known, list(key), join_type="left outer").sort_by("_row")
    label, known_at, state = _judge(found, spec, as_of)
    rows = decisions.append_column("label", label).append_column("label_known_at", known_at)
    unknown = len(known_labels(labels, key, as_of).join(asked, list(key), join_type="left anti"))
    return JoinedLabels(rows.append_column("state", state), unknown)


def _attributed(asked: pa.Table, labels: pa.Table, key: Sequence[str], window: dt.timedelta) -> pa.Table:
    """The labels of these decisions whose outcome happened within the window."""
    first = asked.group_by(list(key), use_threads=False).aggregate([("decided_at", "min")])
    dated = labels.join(first, list(key), join_type="inner")
    span = pa.scalar(window, pa.duration("us"))
    return dated.filter(pc.less_equal(dated["observed_at"], pc.add(dated["decided_at_min"], span)))


def _judge(found: pa.Table, spec: LabelSpec, as_of: dt.datetime) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Label, the instant at which it was known, and state of each row."""
    decided, label, known_at = found["decided_at"], found["label"], found["label_known_at"]
    mature = pc.less_equal(decided, pa.scalar(as_of - spec.maturity, decided.type))
    if spec.absent is not None:
        # Known at maturity at the earliest, also where the event came before: whoever cuts by this instant would else
        # see the newest events without the absences beside them.
        at = pc.add(decided, pa.scalar(spec.maturity, pa.duration("us"))).cast(known_at.type)
        label = pc.if_else(mature, pc.fill_null(label, spec.absent), pa.scalar(None, pa.float64()))
        later = pc.fill_null(pc.greater(known_at, at), False)
        known_at = pc.if_else(mature, pc.if_else(later, known_at, at), pa.scalar(None, at.type))
    state = pc.if_else(pc.is_valid(label), LABELLED, pc.if_else(mature, UNLABELLED, WAITING))
    return label, known_at, state


def one_per_decision(predictions: pa.Table, key: Sequence[str]) -> pa.Table:
    """The prediction of each decision that was acted on: online before batch, then the first one served."""
    if not len(predictions):
        return predictions
    ranked = predictions.append_column("_batch", pc.not_equal(predictions["mode"], "online"))
    order = [("_batch", "ascending"), ("served_at", "ascending"), ("prediction_id", "ascending")]
    ranked = ranked.sort_by(order).append_column("_row", pa.array(range(len(predictions)), pa.int64()))
    first = ranked.group_by(list(key), use_threads=False).aggregate([("_row", "min")])["_row_min"]
    return ranked.take(np.sort(first.to_numpy())).drop_columns(["_batch", "_row"])
