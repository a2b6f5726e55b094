"""The retraining decision: why, or why not, in plain words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ai_patterns.core.metrics import worse_by
from ai_patterns.spec.durations import format_duration
from ai_patterns.spec.model import FeedbackSpec


@dataclass(frozen=True)
class Champion:
    """The model that serves.

    Attributes:
        version: its version in the registry.
        since: when it was promoted, UTC.
        metrics: its metrics at promotion.
    """

    version: int
    since: dt.datetime
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """What a retraining decision rests on.

    Attributes:
        now: instant of the decision, UTC.
        champion: version that serves; None before the first promotion.
        champion_since: when it was promoted, UTC.
        retrained: instants of the earlier retrainings, UTC.
        at_promotion: the watched metric when the champion was promoted.
        latest: the same metric of the champion, measured last.
        measured: labels behind `latest`.
        new_labels: labels that became known since the promotion.
    """

    now: dt.datetime
    champion: int | None = None
    champion_since: dt.datetime | None = None
    retrained: tuple[dt.datetime, ...] = ()
    at_promotion: float | None = None
    latest: float | None = None
    measured: int = 0
    new_labels: int = 0


@dataclass(frozen=True)
class RetrainingDecision:
    """Whether to retrain, always with a reason.

    Attributes:
        retrain: the verdict.
        reason: one or two sentences for people.
        evidence: the figures behind it, ready for JSON.
    """

    retrain: bool
    reason: str
    evidence: dict[str, Any] = field(default_factory=dict)


def decide(spec: FeedbackSpec, evidence: Evidence) -> RetrainingDecision:
    """Decide on retraining: a cause must be there, and nothing that holds it back.

    >>> spec = FeedbackSpec(metric="brier", max_loss=0.03, max_age="28d", cooldown="6d", budget=12, min_labels=1)
    >>> at = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
    >>> decide(spec, Evidence(at, 4, at - dt.timedelta(days=30), new_labels=9)).reason
    'Retrain: the champion is 30.0 days old, more than 28d.'
    """
    figures = asdict(evidence)
    if evidence.champion_since is None:
        return RetrainingDecision(
            False, "No: no champion was promoted yet; train and promote the first model.", figures
        )
    causes = list(_causes(spec, evidence))
    if not causes:
        return RetrainingDecision(False, _all_is_well(spec, evidence), figures)
    why = " and ".join(causes)
    held = next(_brakes(spec, evidence), None)
    if held:
        return RetrainingDecision(False, f"No: {why}, but {held}.", figures)
    return RetrainingDecision(True, f"Retrain: {why}.", figures)


def loss_since_promotion(spec: FeedbackSpec, evidence: Evidence) -> float | None:
    """How much worse than at promotion the champion has become; negative where it is better."""
    if evidence.latest is None or evidence.at_promotion is None:
        return None
    return worse_by(spec.metric, evidence.latest, evidence.at_promotion)


def _causes(spec: FeedbackSpec, evidence: Evidence) -> Iterator[str]:
    age = _age(evidence)
    if age > spec.max_age:
        yield f"the champion is {_days(age)} old, more than {format_duration(spec.max_age)}"
    loss = loss_since_promotion(spec, evidence)
    if loss is not None and loss > spec.max_loss and evidence.measured >= spec.min_labels:
        yield (
            f"{spec.metric} is {evidence.latest:.4f}, worse than {evidence.at_promotion:.4f} at promotion "
            f"by more than {spec.max_loss:g}"
        )


def _brakes(spec: FeedbackSpec, evidence: Evidence) -> Iterator[str]:
    if evidence.new_labels < spec.min_labels:
        yield f"only {evidence.new_labels} labels became known since the promotion (at least {spec.min_labels})"
    last = max(evidence.retrained, default=None)
    if last is not None and evidence.now - last < spec.cooldown:
        yield f"the last retraining was {_days(evidence.now - last)} ago (cooldown {format_duration(spec.cooldown)})"
    spent = sum(evidence.now - spec.budget_period < at <= evidence.now for at in evidence.retrained)
    if spent >= spec.budget:
        yield f"the budget is spent: {spent} of {spec.budget} retrainings in {format_duration(spec.budget_period)}"


def _all_is_well(spec: FeedbackSpec, evidence: Evidence) -> str:
    age = f"No: the champion is {_days(_age(evidence))} old of at most {format_duration(spec.max_age)}"
    if evidence.latest is None or evidence.at_promotion is None:
        return f"{age}, and its {spec.metric} is not measured yet."
    if evidence.measured < spec.min_labels:
        return f"{age}, and {evidence.measured} labels are too few to judge its {spec.metric} by ({spec.min_labels})."
    return (
        f"{age}, and its {spec.metric} of {evidence.latest:.4f} is within {spec.max_loss:g} "
        f"of the {evidence.at_promotion:.4f} at promotion."
    )


def _age(evidence: Evidence) -> dt.timedelta:
    return evidence.now - (evidence.champion_since or evidence.now)


def _days(span: dt.timedelta) -> str:
    return f"{span / dt.timedelta(days=1):.1f} days"
