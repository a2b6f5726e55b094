"""A new version's way to the clients: in shadow, for growing shares of the keys, then as the champion, or back at once.

The ledger of rollouts decides, the record that servers follow comes after it: one commit is the step, and what it rests
on is in its line. Every call first brings the record to what the ledger says, so a deployer that was killed between any
two steps is taken up by the next call.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.ledger import read_promotions
from ai_patterns.clients.mlflow import Registry
from ai_patterns.clients.rollout_ledger import append_rollout
from ai_patterns.core.days import Days
from ai_patterns.core.ledger import champion
from ai_patterns.core.model_rollout import RolloutLine, following, newest
from ai_patterns.core.predictions import TABLE as PREDICTIONS
from ai_patterns.core.rollout_counts import score_edges
from ai_patterns.core.rollout_gates import Verdict
from ai_patterns.errors import PromotionRejectedError
from ai_patterns.jobs.promotion import promote
from ai_patterns.jobs.review import review
from ai_patterns.jobs.rollout_state import ReadCounts, find, look, reconcile, rollout_of
from ai_patterns.jobs.table_facts import table_facts
from ai_patterns.spec.rollout import RolloutSpec
from ai_patterns.spec.system import SystemSpec

_SCORES = 20_000

log = logging.getLogger(__name__)


def begin(  # noqa: PLR0913  what is asked is named in the ledger
    system: SystemSpec,
    lake: Lake,
    registry: Registry,
    version: int,
    *,
    at: dt.datetime,
    reason: str,
    request: str,
    repository: Path | None = None,
) -> RolloutLine:
    """Put a version that passes every gate beside the champion; what the same request has begun is left alone.

    Args:
        system: the system; its spec declares `rollout`.
        lake: its lake, with the ledgers.
        registry: its registry.
        version: the version.
        at: when, UTC.
        reason: who or what asks for it.
        request: names the rollout, such as a run.
        repository: as of `review`.

    Returns:
        The newest line of this rollout.

    Raises:
        PromotionRejectedError: a gate failed, there is no champion yet, or another rollout runs.
        ServiceRejectedError: the registry has no such version.
        ServiceUnavailableError: the registry or the version's evaluation rows are not there.
    """
    spec = rollout_of(system)
    reconcile(spec, lake, registry)
    done = find(lake, request)
    if done is not None:
        return done
    rival = champion(read_promotions(lake))
    line = RolloutLine(0, at, request, "started", version, rival or 0, 0, 0.0, reason)
    if rival in {None, version}:
        told = "there is no champion to compare with; promote the first one" if rival is None else "it is the champion"
        _refuse(lake, line, told)
    verdict = review(system, lake, registry, version, repository)
    if not verdict.passed:
        _refuse(lake, line, "; ".join(verdict.reasons))
    line = replace(line, evidence={"edges": _edges(system, lake), "review": verdict.to_dict()})
    started = append_rollout(lake, line, lambda last: last is None or not last.running)
    if started is None:
        _refuse(lake, line, "another rollout runs; wait for its end, or roll it back")
    reconcile(spec, lake, registry)
    log.info("version %d scores in shadow beside version %d", version, rival)
    return started


def advance(  # noqa: PLR0913  what is asked is named in the ledger
    system: SystemSpec,
    lake: Lake,
    registry: Registry,
    read: ReadCounts,
    request: str,
    *,
    at: dt.datetime,
    repository: Path | None = None,
) -> RolloutLine:
    """Look at a rollout, and take the steps that are due.

    Args:
        system: the system.
        lake: its lake.
        registry: its registry.
        read: the servers' counts.
        request: names the rollout, as of `begin`.
        at: now, UTC.
        repository: as of `review`.

    Returns:
        Its newest line: a step that is held, or its end.

    Raises:
        PromotionRejectedError: it was never begun.
        ServiceUnavailableError: the registry is away.
    """
    spec = rollout_of(system)
    while True:
        reconcile(spec, lake, registry)
        line = find(lake, request)
        if line is None:
            raise PromotionRejectedError(f"{system.name!r} has no rollout {request!r}; begin it first")
        if line.action == "passed":
            _finish(system, lake, registry, line, at, repository)
        elif not line.running or not _step(spec, lake, line, look(spec, lake, line, read, at), at):
            return line


def end(system: SystemSpec, lake: Lake, registry: Registry, *, at: dt.datetime, reason: str) -> RolloutLine:
    """End the rollout that runs: from now on the champion answers alone.

    Raises:
        PromotionRejectedError: none runs.
    """
    spec = rollout_of(system)
    line = newest(reconcile(spec, lake, registry))
    if line is None or not line.running:
        raise PromotionRejectedError(f"{system.name!r} has no rollout that runs")
    _append(lake, line, replace(line, at=at, action="rolled_back", share=0.0, reason=reason, evidence={}))
    return reconcile(spec, lake, registry)[-1]


def _step(spec: RolloutSpec, lake: Lake, line: RolloutLine, verdict: Verdict, at: dt.datetime) -> bool:
    """Write down what follows from a verdict; whether anything does."""
    log.info("step %d of version %d: %s, %s", line.step, line.version, verdict.decision, verdict.reason)
    if verdict.decision == "hold":
        return False
    if verdict.decision == "go_on":
        action, step, share = following(spec, line)
    else:
        action, step, share = "rolled_back", line.step, 0.0
    told = {**asdict(verdict), "step": line.step, "share": line.share}
    follows = replace(line, at=at, action=action, step=step, share=share, reason=verdict.reason, evidence=told)
    _append(lake, line, follows)
    return True


def _finish(
    system: SystemSpec, lake: Lake, registry: Registry, line: RolloutLine, at: dt.datetime, repository: Path | None
) -> None:
    """Make the version the champion, then end the rollout; each is done once."""
    asked: dict[str, Any] = {"reason": f"rollout {line.rollout}", "request": f"rollout {line.rollout}"}
    try:
        promoted = promote(
            system, lake, registry, line.version, at=at, against=line.champion, repository=repository, **asked
        )
    except PromotionRejectedError as error:
        ended = replace(line, at=at, action="rolled_back", share=0.0, reason=str(error), evidence={})
    else:
        told = {"promotion": promoted.sequence}
        ended = replace(line, at=at, action="promoted", share=1.0, reason=promoted.reason, evidence=told)
    _append(lake, line, ended)


def _append(lake: Lake, line: RolloutLine, follows: RolloutLine) -> None:
    """Compare and set: append what follows from a line while that is the newest."""
    append_rollout(lake, follows, lambda last: last is not None and last.sequence == line.sequence)


def _refuse(lake: Lake, line: RolloutLine, told: str) -> NoReturn:
    append_rollout(lake, replace(line, action="refused", reason=f"{line.reason}: {told}", evidence={}))
    raise PromotionRejectedError(f"version {line.version} is not rolled out: {told}")


def _edges(system: SystemSpec, lake: Lake) -> tuple[float, ...]:
    """Bins that fit the newest scores that clients were given."""
    facts = table_facts(lake, PREDICTIONS)
    day = facts.last_day if facts else None
    scores = lake.read(PREDICTIONS, Days(day, day), ["score"])["score"].slice(0, _SCORES).to_pylist() if day else []
    return score_edges(system.model.task, scores)
