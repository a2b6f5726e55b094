"""Promotion as a transaction: gates, then the ledger, then the registry's alias.

The ledger decides and the alias follows: when a process dies between the two, `reconcile`, which every call
runs first, sets the alias to what the ledger says.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import replace
from typing import NoReturn

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.ledger import append_promotion, read_promotions
from ai_patterns.clients.mlflow import CHALLENGER, CHAMPION, Registry
from ai_patterns.core.ledger import Action, Promotion, champion, champions
from ai_patterns.core.promotion import Review
from ai_patterns.errors import PromotionRejectedError
from ai_patterns.jobs.review import review
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)


def promote(
    system: SystemSpec, lake: Lake, registry: Registry, version: int, *, at: dt.datetime, reason: str
) -> Promotion:
    """Make a version the champion if it passes every gate; what is already champion stays so.

    Raises:
        PromotionRejectedError: a gate failed, or another promotion was faster; the ledger records the refusal.
        ServiceUnavailableError: the registry, the version or its evaluation rows are not there.
    """
    history = reconcile(lake, registry)
    expected = champion(history)
    if expected == version:
        log.info("version %d is the champion already", version)
        return next(line for line in reversed(history) if line.action != "refused")
    verdict = review(system, lake, registry, version)
    if not verdict.passed:
        _refuse(lake, _line("refused", version, at, reason, verdict), verdict.reasons)
    line = _commit(lake, _line("promoted", version, at, reason, verdict), expected)
    _follow(registry, line)
    log.info("version %d is the champion, after %s", version, line.previous)
    return line


def rollback(system: SystemSpec, lake: Lake, registry: Registry, *, at: dt.datetime, reason: str) -> Promotion:
    """Return to the champion before the present one, without gates.

    Raises:
        PromotionRejectedError: there is no earlier champion, or another promotion was faster.
    """
    stack = champions(reconcile(lake, registry))
    if len(stack) < 2:
        raise PromotionRejectedError(f"{system.name!r} has no earlier champion to return to")
    evidence = {"champions": stack}
    line = _commit(lake, Promotion(0, at, "rolled_back", stack[-2], None, reason, evidence), stack[-1])
    registry.set_alias(CHAMPION, line.version)
    log.info("version %d is the champion again, after %s", line.version, line.previous)
    return line


def champion_history(lake: Lake) -> list[Promotion]:
    """Every change of the champion, oldest first."""
    return [line for line in read_promotions(lake) if line.action != "refused"]


def reconcile(lake: Lake, registry: Registry) -> list[Promotion]:
    """Point the champion alias to what the ledger says; return the ledger."""
    history = read_promotions(lake)
    expected = champion(history)
    if expected is not None and registry.alias(CHAMPION) != expected:
        log.warning("the alias did not follow the ledger; the champion is version %d", expected)
        registry.set_alias(CHAMPION, expected)
    return history


def _line(action: Action, version: int, at: dt.datetime, reason: str, verdict: Review) -> Promotion:
    return Promotion(0, at, action, version, None, reason, verdict.to_dict())


def _commit(lake: Lake, line: Promotion, expected: int | None) -> Promotion:
    """Compare and set: append the line while `expected` is the champion.

    Raises:
        PromotionRejectedError: the champion has changed meanwhile.
    """
    committed = append_promotion(lake, line, lambda present: present == expected)
    if committed is None:
        now = champion(read_promotions(lake))
        problem = f"the champion became version {now} while the one compared with was {expected}; ask again"
        _refuse(lake, replace(line, action="refused"), [problem])
    return committed


def _refuse(lake: Lake, line: Promotion, reasons: list[str]) -> NoReturn:
    text = "; ".join(reasons)
    append_promotion(lake, replace(line, reason=f"{line.reason}: {text}" if line.reason else text), lambda _: True)
    raise PromotionRejectedError(f"version {line.version} was refused: {text}")


def _follow(registry: Registry, line: Promotion) -> None:
    registry.set_alias(CHAMPION, line.version)
    if registry.alias(CHALLENGER) == line.version:
        registry.set_alias(CHALLENGER, None)
