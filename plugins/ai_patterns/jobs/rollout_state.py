"""Where a rollout stands, what its counts say, and the record that servers follow."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.ledger import ATTEMPTS, read_promotions
from ai_patterns.clients.mlflow import ROLLOUT, Registry
from ai_patterns.clients.mlflow_connection import CONN_ID
from ai_patterns.clients.rollout_ledger import read_rollouts
from ai_patterns.core.ledger import champion
from ai_patterns.core.model_rollout import RolloutLine, newest, routing
from ai_patterns.core.rollout_counts import Counts
from ai_patterns.core.rollout_gates import Verdict, decide
from ai_patterns.errors import ServiceUnavailableError, SpecError
from ai_patterns.spec.rollout import RolloutSpec
from ai_patterns.spec.system import SystemSpec

ReadCounts = Callable[[int], Counts]
"""What servers have counted in the step of a ledger's line; raises `ServiceUnavailableError` where none tells."""

log = logging.getLogger(__name__)


def rollout_of(system: SystemSpec) -> RolloutSpec:
    """The system's rollout.

    Raises:
        SpecError: it declares none.
    """
    if system.rollout is None:
        raise SpecError(f"{system.name!r} declares no rollout", file=system.folder / "system.yaml", field="rollout")
    return system.rollout


def find(lake: Lake, request: str) -> RolloutLine | None:
    """The newest line of a rollout, None where it was never begun."""
    lines = [line for line in read_rollouts(lake) if line.rollout == request and line.action != "refused"]
    return lines[-1] if lines else None


def look(spec: RolloutSpec, lake: Lake, line: RolloutLine, read: ReadCounts, at: dt.datetime) -> Verdict:
    """Judge the step of a line, without changing anything."""
    seconds = (at - line.at).total_seconds()
    now = champion(read_promotions(lake))
    if now != line.champion:
        told = f"the champion became version {now} while the one compared with was {line.champion}"
        return Verdict("roll_back", told, (), 0, seconds, 0.0)
    if line.step >= len(spec.steps):
        return Verdict("roll_back", "the spec no longer has this step", (), 0, seconds, 0.0)
    try:
        counts = read(line.sequence)
    except ServiceUnavailableError as error:
        log.info("no counts: %s", error)
        counts = None
    return decide(spec, line.step, counts, seconds)


def due(system: SystemSpec, lake: Lake, read: ReadCounts, at: dt.datetime) -> str | None:
    """The decision that waits to be carried out; None while the step is held."""
    line = newest(read_rollouts(lake))
    if line is None or not line.running or line.action == "passed":
        return "ended" if line is None or not line.running else "promote"
    decision = look(rollout_of(system), lake, line, read, at).decision
    return None if decision == "hold" else decision


def reconcile(spec: RolloutSpec, lake: Lake, registry: Registry) -> list[RolloutLine]:
    """Bring the record that servers follow to what the ledger says; return the ledger.

    Whoever has written the record reads the ledger again: of two that write at once, the one that had read an older
    ledger may come last.
    """
    for _ in range(ATTEMPTS):
        history = read_rollouts(lake)
        wanted = routing(spec, history)
        text = wanted.to_text() if wanted else ""
        if (registry.tag(ROLLOUT) or "") == text:
            return history
        registry.set_tag(ROLLOUT, text)
    raise ServiceUnavailableError(f"the tag {ROLLOUT} is written by others again and again", conn_id=CONN_ID)
