"""Labels that come from outside: what is let in, what is the same again, what corrects, what is refused and why."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ai_patterns.core.label_rows import Identity, Key, RefusedError, read_label
from ai_patterns.spec.durations import format_duration
from ai_patterns.spec.model import Task

UNKNOWN = "no such prediction"
"""The reason that may pass: the prediction's own row can still be on its way to the lake."""
CLOCK_SKEW = dt.timedelta(minutes=5)
"""How far the sender's clock may be ahead of ours."""

Outcome = Literal["landed", "corrected", "repeated", "refused"]


@dataclass(frozen=True)
class Decision:
    """The decision that a prediction was made for.

    Attributes:
        key: values of the decision's key columns.
        decided_at: UTC.
        labels: its labels so far, `observed_at` -> label.
    """

    key: tuple[Any, ...]
    decided_at: dt.datetime
    labels: Mapping[dt.datetime, float] = field(default_factory=dict)


@dataclass(frozen=True)
class LabelVerdict:
    """What becomes of one row.

    Attributes:
        row: its place among the rows, from 0.
        outcome: `landed` is a decision's first label, `corrected` replaces one, `repeated` says nothing new.
        label: 0 or 1, or a number; of a row that was not refused.
        observed_at: when the outcome was observed, UTC.
        column: the field at fault, of a refused row.
        reason: why it was refused.
    """

    row: int
    outcome: Outcome
    label: float = math.nan
    observed_at: dt.datetime | None = None
    column: str = ""
    reason: str = ""


def judge_labels(
    rows: Sequence[Any],
    decisions: Mapping[Identity, Decision],
    *,
    key: Key,
    task: Task,
    now: dt.datetime,
    attribution: dt.timedelta | None = None,
) -> list[LabelVerdict]:
    """Judge rows as `core.label_rows.read_label` takes them; each gets a verdict, in the order of the rows.

    Of several labels of a decision the one observed last stands; one that was observed before it and comes after it
    is refused. Delivered twice, a row says nothing new.

    Args:
        rows: as they came.
        decisions: the known predictions' decisions, by prediction id and by key; predictions of one decision share
            its labels.
        key: the columns that identify a decision.
        task: classification takes 0 and 1 (or a boolean), regression any finite number.
        now: UTC.
        attribution: an outcome observed later than this after its decision is not put down to it.

    >>> at = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    >>> rows = [{"prediction_id": "p", "label": label, "observed_at": at} for label in (1, 1, 0)]
    >>> known, key = {"p": Decision(("a",), at)}, {"id": "string"}
    >>> found = judge_labels(rows, known, key=key, task="classification", now=at)
    >>> [verdict.outcome for verdict in found], found[2].reason
    (['landed', 'repeated', 'refused'], 'the label 1 of the same instant stands')
    """
    verdicts: dict[int, LabelVerdict] = {}
    read: list[tuple[dt.datetime, int, float, Decision]] = []
    for place, row in enumerate(rows):
        try:
            identity, label, observed_at = read_label(row, key=key, task=task, now=now)
            decision = _decision(identity, decisions)
            _check_time(observed_at, decision.decided_at, now, attribution)
        except RefusedError as error:
            verdicts[place] = LabelVerdict(place, "refused", column=error.args[0], reason=error.args[1])
        else:
            read.append((observed_at, place, label, decision))
    histories: dict[tuple[Any, ...], dict[dt.datetime, float]] = {}
    for observed_at, place, label, decision in sorted(read, key=lambda item: item[:2]):
        history = histories.setdefault(decision.key, dict(decision.labels))
        verdicts[place] = _place(place, label, observed_at, history)
    return [verdicts[place] for place in range(len(rows))]


def _place(row: int, label: float, observed_at: dt.datetime, history: dict[dt.datetime, float]) -> LabelVerdict:
    """Hold a label against those that its decision has; one that is let in joins them."""
    newest = max(history, default=None)
    if observed_at in history:
        if history[observed_at] == label:
            return LabelVerdict(row, "repeated", label, observed_at)
        reason = f"the label {history[observed_at]:g} of the same instant stands"
        return LabelVerdict(row, "refused", column="label", reason=reason)
    if newest is not None and observed_at < newest:
        return LabelVerdict(row, "refused", column="observed_at", reason=f"a label of {newest.isoformat()} stands")
    if newest is not None and history[newest] == label:
        return LabelVerdict(row, "repeated", label, observed_at)
    history[observed_at] = label
    return LabelVerdict(row, "landed" if newest is None else "corrected", label, observed_at)


def _decision(identity: Identity, decisions: Mapping[Identity, Decision]) -> Decision:
    found = decisions.get(identity)
    if found is None:
        raise RefusedError("prediction_id" if isinstance(identity, str) else "", UNKNOWN)
    return found


def _check_time(
    observed_at: dt.datetime, decided_at: dt.datetime, now: dt.datetime, attribution: dt.timedelta | None
) -> None:
    if observed_at < decided_at:
        raise RefusedError("observed_at", f"before its decision at {decided_at.isoformat()}")
    if observed_at > now + CLOCK_SKEW:
        raise RefusedError("observed_at", "in the future")
    if attribution is not None and observed_at > decided_at + attribution:
        raise RefusedError("observed_at", f"outside the attribution window of {format_duration(attribution)}")
