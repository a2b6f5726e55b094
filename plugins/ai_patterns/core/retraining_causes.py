"""What asks for a retraining (schedule, performance, volume, drift), and what holds it back."""

from __future__ import annotations

from collections.abc import Iterator

from ai_patterns.core.retraining_evidence import Evidence, in_days
from ai_patterns.spec.durations import format_duration
from ai_patterns.spec.model import FeedbackSpec


def find_causes(spec: FeedbackSpec, evidence: Evidence) -> Iterator[str]:
    """What asks for a retraining, in words."""
    if evidence.age > spec.max_age:
        yield f"the champion is {in_days(evidence.age)} old, more than {format_duration(spec.max_age)}"
    if _is_losing(spec, evidence):
        lasting = f" for {spec.patience} measures in a row" if spec.patience > 1 else ""
        yield (
            f"{spec.metric} is {evidence.latest:.4f}, worse than {evidence.at_promotion:.4f} at promotion "
            f"by more than {spec.max_loss:g}{lasting}"
        )
    if spec.max_growth is not None and evidence.new_labels > spec.max_growth * evidence.old_labels:
        yield (
            f"{evidence.new_labels} labels became known since the promotion, more than {spec.max_growth:.0%} of the "
            f"{evidence.old_labels} before"
        )
    if spec.max_drifted is not None and len(evidence.drifted) > spec.max_drifted:
        yield f"more than {spec.max_drifted} features are in drift alarm: {_few(evidence.drifted)}"


def find_brakes(spec: FeedbackSpec, evidence: Evidence) -> Iterator[str]:
    """What holds a retraining back, in words."""
    if evidence.new_labels < spec.min_labels:
        yield f"only {evidence.new_labels} labels became known since the promotion (at least {spec.min_labels})"
    last = max(evidence.retrained, default=None)
    if last is not None and evidence.now - last < spec.cooldown:
        yield f"the last retraining was {in_days(evidence.now - last)} ago (cooldown {format_duration(spec.cooldown)})"
    spent = sum(evidence.now - spec.budget_period < at <= evidence.now for at in evidence.retrained)
    if spent >= spec.budget:
        yield f"the budget is spent: {spent} of {spec.budget} retrainings in {format_duration(spec.budget_period)}"


def _is_losing(spec: FeedbackSpec, evidence: Evidence) -> bool:
    """Whether the loss has lasted, and was not answered by a retraining already.

    A retraining that brought no better model may bring none the week after either: until the loss has once been
    back at `clear_loss`, this cause stays silent (the two thresholds of a Schmitt trigger).
    """
    losses = evidence.losses(spec.metric)
    if evidence.measured < spec.min_labels or len(losses) < spec.patience:
        return False
    clear, attempt = spec.clear_loss, evidence.attempt
    armed = clear is None or attempt is None or any(loss <= clear for at, loss in losses if at > attempt)
    return armed and all(loss > spec.max_loss for _, loss in losses[-spec.patience :])


def _few(names: tuple[str, ...], most: int = 3) -> str:
    return ", ".join(names[:most]) + (" and more" if len(names) > most else "")
