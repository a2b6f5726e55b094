"""The retraining decision: why, or why not, in plain words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ai_patterns.core.retraining_causes import find_brakes, find_causes
from ai_patterns.core.retraining_evidence import Evidence, in_days
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
class RetrainingDecision:
    """Whether to retrain, always with a reason.

    Attributes:
        retrain: the verdict.
        reason: one or two sentences for people.
        causes: what asks for a retraining.
        held_by: what forbids it in spite of a cause.
        evidence: the figures behind it, ready for JSON.
    """

    retrain: bool
    reason: str
    causes: tuple[str, ...] = ()
    held_by: str | None = None
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
        reason = "No: no champion was promoted yet; train and promote the first model."
        return RetrainingDecision(False, reason, evidence=figures)
    causes = tuple(find_causes(spec, evidence))
    if not causes:
        return RetrainingDecision(False, _all_is_well(spec, evidence), evidence=figures)
    held = next(find_brakes(spec, evidence), None)
    why = " and ".join(causes)
    reason = f"No: {why}, but {held}." if held else f"Retrain: {why}."
    return RetrainingDecision(held is None, reason, causes, held, figures)


def _all_is_well(spec: FeedbackSpec, evidence: Evidence) -> str:
    age = f"No: the champion is {in_days(evidence.age)} old of at most {format_duration(spec.max_age)}"
    if evidence.latest is None or evidence.at_promotion is None:
        return f"{age}, and its {spec.metric} is not measured yet."
    if evidence.measured < spec.min_labels:
        return f"{age}, and {evidence.measured} labels are too few to judge its {spec.metric} by ({spec.min_labels})."
    return (
        f"{age}, and its {spec.metric} of {evidence.latest:.4f} is within {spec.max_loss:g} "
        f"of the {evidence.at_promotion:.4f} at promotion."
    )
