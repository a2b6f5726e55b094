"""Promotion as a transaction: gates, then the ledger, then the registry's alias.

The ledger decides and the alias follows: one commit to the ledger is the change, and all before it leaves no trace.
When a process dies after it, `reconcile`, which every call runs first, sets the alias to what the ledger says.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NoReturn

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.ledger import ATTEMPTS, append_promotion, read_promotions
from ai_patterns.clients.mlflow import CHALLENGER, CHAMPION, Registry
from ai_patterns.clients.mlflow_connection import CONN_ID
from ai_patterns.core.ledger import Promotion, carried_out, champion, champions
from ai_patterns.core.promotion import Review
from ai_patterns.errors import PromotionRejectedError, ServiceRejectedError, ServiceUnavailableError
from ai_patterns.jobs.review import review
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)


def promote(  # noqa: PLR0913  what is asked is named, word by word, in the ledger
    system: SystemSpec,
    lake: Lake,
    registry: Registry,
    version: int,
    *,
    at: dt.datetime,
    reason: str,
    request: str | None = None,
    against: int | None = None,
    repository: Path | None = None,
) -> Promotion:
    """Make a version the champion if it passes every gate; what is already champion stays so.

    Args:
        system: the system.
        lake: its lake, with the ledger.
        registry: its registry.
        version: the version to promote.
        at: when, UTC.
        reason: who or what asks for it.
        request: names the asking, such as a run; asked again after a crash, what was done is not done twice.
        against: the champion that the one who asks knows of; where another one is in its place by now, it is refused.
        repository: as of `review`.

    Raises:
        PromotionRejectedError: a gate failed, or another promotion was faster; the ledger records the refusal.
        ServiceRejectedError: the registry has no such version.
        ServiceUnavailableError: the registry or the version's evaluation rows are not there.
    """
    line = Promotion(0, at, "promoted", version, None, reason, {"request": request})
    return promote_by(partial(review, system, lake, registry, version, repository), lake, registry, line, against)


def promote_by(
    reviewed: Callable[[], Review], lake: Lake, registry: Registry, line: Promotion, against: int | None = None
) -> Promotion:
    """The same for gates of any kind.

    Args:
        reviewed: holds the version against its gates and the present champion.
        lake: where the ledger lies.
        registry: the model's registry.
        line: what the ledger is to say if every gate passes; the evidence is added.
        against: as of `promote`.

    Raises:
        PromotionRejectedError: as of `promote`.
    """
    history = reconcile(lake, registry)
    done = carried_out(history, "promoted", line.request)
    if done is None and champion(history) == line.version:
        done = next(past for past in reversed(history) if past.action != "refused")
    if done is not None:
        log.info("version %d was made the champion already, at %s", done.version, done.at)
        return done
    if against not in {None, champion(history)}:
        _refuse(lake, line, [_overtaken(history, against)])
    verdict = reviewed()
    line = replace(line, evidence={**verdict.to_dict(), **line.evidence})
    if not verdict.passed:
        _refuse(lake, line, verdict.reasons)
    return _change(lake, registry, line, against or verdict.champion)


def adopt(lake: Lake, registry: Registry, at: dt.datetime) -> Promotion | None:
    """Write down a champion that was there before the ledger, so that it can be compared with and returned to.

    Args:
        lake: where the ledger lies.
        registry: the model's registry, where somebody has set the alias by hand.
        at: when, UTC.

    Returns:
        The first line of the ledger; None where there is a ledger already, or no such alias.
    """
    version = None if read_promotions(lake) else registry.alias(CHAMPION)
    if version is None:
        return None
    line = Promotion(0, at, "promoted", version, None, "the champion before the ledger began", {"adopted": True})
    return append_promotion(lake, line, lambda present: present is None)


def rollback(lake: Lake, registry: Registry, *, at: dt.datetime, reason: str, request: str | None = None) -> Promotion:
    """Return to the champion before the present one, without gates.

    Args:
        lake: where the ledger lies.
        registry: the model's registry.
        at: when, UTC.
        reason: who or what asks for it.
        request: as of `promote`: a try after a crash does not go back one champion more.

    Raises:
        PromotionRejectedError: there is no earlier champion, or another promotion was faster.
    """
    history = reconcile(lake, registry)
    done, stack = carried_out(history, "rolled_back", request), champions(history)
    if done is not None:
        return done
    if len(stack) < 2:
        raise PromotionRejectedError(f"{registry.model_name!r} has no earlier champion to return to")
    if not registry.has_version(stack[-2]):
        problem = f"version {stack[-2]}, the champion before, is no longer in the registry"
        raise PromotionRejectedError(f"{problem}; promote another version of {registry.model_name!r}")
    evidence = {"champions": stack, "request": request}
    return _change(lake, registry, Promotion(0, at, "rolled_back", stack[-2], None, reason, evidence), stack[-1])


def champion_history(lake: Lake) -> list[Promotion]:
    """Every change of the champion, oldest first."""
    return [line for line in read_promotions(lake) if line.action != "refused"]


def reconcile(lake: Lake, registry: Registry) -> list[Promotion]:
    """Point the champion alias to what the ledger says; return the ledger.

    Whoever has moved the alias reads the ledger again: of two that move it at once, the one that had read an older
    ledger may come last.
    """
    for _ in range(ATTEMPTS):
        history = read_promotions(lake)
        expected = champion(history)
        if expected is None or not _follow(registry, expected):
            return history
    raise ServiceUnavailableError(f"the alias {CHAMPION} is moved by others again and again", conn_id=CONN_ID)


def _follow(registry: Registry, expected: int) -> bool:
    """Make the aliases what the ledger says; return whether the champion's had to be moved."""
    moved = _alias(registry, CHAMPION) != expected
    if moved and not registry.has_version(expected):
        log.warning("the champion, version %d, is not in the registry; roll back or promote another", expected)
        return False
    if moved:
        registry.set_alias(CHAMPION, expected)
    if _alias(registry, CHALLENGER) == expected:
        registry.set_alias(CHALLENGER, None)
    return moved


def _alias(registry: Registry, name: str) -> int | None:
    try:
        return registry.alias(name)
    except ServiceRejectedError as error:  # it points to nothing, and can be moved
        log.warning("%s", error)
        return None


def _change(lake: Lake, registry: Registry, line: Promotion, expected: int | None) -> Promotion:
    """Compare and set: append the line while `expected` is the champion, then have the alias follow.

    Raises:
        PromotionRejectedError: the champion has changed meanwhile.
    """
    committed = append_promotion(lake, line, lambda present: present == expected)
    if committed is None:
        _refuse(lake, line, [_overtaken(read_promotions(lake), expected)])
    reconcile(lake, registry)
    log.info("%s: version %d is the champion, after %s", committed.action, committed.version, committed.previous)
    return committed


def _overtaken(history: list[Promotion], expected: int | None) -> str:
    now = champion(history)
    return f"the champion became version {now} while the one compared with was {expected}; ask again"


def _refuse(lake: Lake, line: Promotion, reasons: list[str]) -> NoReturn:
    text = "; ".join(reasons)
    reason = f"{line.reason}: {text}" if line.reason else text
    append_promotion(lake, replace(line, action="refused", reason=reason), lambda _: True)
    raise PromotionRejectedError(f"version {line.version} was refused: {text}")
