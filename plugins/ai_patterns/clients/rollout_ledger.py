"""The ledger of rollouts in the lake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.ledger import attempts
from ai_patterns.core.model_rollout import TABLE, RolloutLine, newest


def read_rollouts(lake: Lake) -> list[RolloutLine]:
    """All lines of the ledger, oldest first; none before the first rollout."""
    if not lake.exists(TABLE):
        return []
    return [RolloutLine.from_row(row) for row in lake.read(TABLE).sort_by("sequence").to_pylist()]


def append_rollout(
    lake: Lake, line: RolloutLine, holds: Callable[[RolloutLine | None], bool] = lambda _: True
) -> RolloutLine | None:
    """Append a line as the next one, as long as a condition on the newest holds.

    Args:
        lake: the system's lake.
        line: what to append; its `sequence` is set here.
        holds: asked with the newest line that is no refusal.

    Returns:
        The line as it was written; None where the condition no longer holds.

    Raises:
        ServiceUnavailableError: other writers came first again and again, or the lake refuses commits.
    """
    for _ in attempts(TABLE):
        history = read_rollouts(lake)
        if not holds(newest(history)):
            return None
        numbered = replace(line, sequence=len(history) + 1)
        if lake.append_fenced(TABLE, numbered.to_table(), app=TABLE, number=numbered.sequence):
            return numbered
    raise AssertionError("unreachable: the last attempt returns or raises")
