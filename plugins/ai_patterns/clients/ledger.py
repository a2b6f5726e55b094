"""The ledger of promotions in the lake."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from ai_patterns.clients.lake import Lake
from ai_patterns.core.ledger import TABLE, Promotion, carried_out, champion
from ai_patterns.errors import ServiceUnavailableError

ATTEMPTS = 200
_LONGEST_PAUSE = 0.5


def read_promotions(lake: Lake) -> list[Promotion]:
    """All lines of the ledger, oldest first; none before the first promotion."""
    if not lake.exists(TABLE):
        return []
    return [Promotion.from_row(row) for row in lake.read(TABLE).sort_by("sequence").to_pylist()]


def append_promotion(lake: Lake, line: Promotion, holds: Callable[[int | None], bool]) -> Promotion | None:
    """Append a line as the next one, as long as a condition on the present champion holds.

    Two processes that append at once take two numbers: the slower one reads the ledger again, and so sees
    what the faster one did before it asks the condition anew. A change that its request has already made is not
    made twice.

    Args:
        lake: the system's lake.
        line: what to append; its `sequence` and `previous` are set here.
        holds: asked with the present champion.

    Returns:
        The line as it was written, now or by an earlier try of the same request; None where the condition no longer
        holds.

    Raises:
        ServiceUnavailableError: other writers came first again and again, or the lake refuses commits.
    """
    for _ in attempts(TABLE):
        history = read_promotions(lake)
        done = carried_out(history, line.action, line.request)
        if done is not None:
            return done
        present = champion(history)
        if not holds(present):
            return None
        numbered = replace(line, sequence=len(history) + 1, previous=present)
        if lake.append_fenced(TABLE, numbered.to_table(), app=TABLE, number=numbered.sequence):
            return numbered
    raise AssertionError("unreachable: the last attempt returns or raises")


def attempts(ledger: str) -> Iterator[None]:
    """Tries to append to a ledger, with pauses that spread the writers.

    Raises:
        ServiceUnavailableError: other writers came first again and again, or the lake refuses commits.
    """
    for attempt in range(ATTEMPTS):
        yield
        time.sleep(random.uniform(0, min(_LONGEST_PAUSE, 0.01 * 2**attempt)))  # noqa: S311 - spreads writers
    raise ServiceUnavailableError(f"no commit to the ledger {ledger!r} succeeded", conn_id="ai_patterns_lake")
