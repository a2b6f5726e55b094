"""The ledger of promotions: an append-only list from which the champion follows."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa

TABLE = "promotions"
Action = Literal["promoted", "refused", "rolled_back"]

SCHEMA = pa.schema(
    [
        ("sequence", pa.int64()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("action", pa.string()),
        ("version", pa.int64()),
        ("previous", pa.int64()),
        ("reason", pa.string()),
        ("evidence", pa.string()),
    ]
)


@dataclass(frozen=True)
class Promotion:
    """One line of the ledger.

    Attributes:
        sequence: its number, from 1 without gaps.
        at: when, UTC.
        action: `promoted` and `rolled_back` make `version` the champion, `refused` leaves all as it was.
        version: the version it is about.
        previous: the champion before it, None where there was none.
        reason: who or what asked for it; after a refusal also the gates that failed.
        evidence: the review, or what else it rests on.
    """

    sequence: int
    at: dt.datetime
    action: Action
    version: int
    previous: int | None
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def to_table(self) -> pa.Table:
        """The line as a table of one row."""
        row = {**vars(self), "evidence": json.dumps(self.evidence, default=str)}
        return pa.Table.from_pylist([row], schema=SCHEMA)

    @property
    def request(self) -> str | None:
        """Who asked, such as a run: what is asked again by the same is done once."""
        return self.evidence.get("request")

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Promotion:
        """Read a row of the table."""
        return cls(**{**row, "evidence": json.loads(row["evidence"])})


def champions(history: Sequence[Promotion]) -> list[int]:
    """The champions as a stack: the newest is on top, and a rollback takes it away.

    >>> at = dt.datetime(2013, 4, 1, tzinfo=dt.UTC)
    >>> first = Promotion(1, at, "promoted", 1, None, "")
    >>> second = Promotion(2, at, "promoted", 2, 1, "")
    >>> champions([first, second]), champions([first, second, Promotion(3, at, "rolled_back", 1, 2, "")])
    ([1, 2], [1])
    """
    stack: list[int] = []
    for line in history:
        if line.action == "promoted":
            stack.append(line.version)
        elif line.action == "rolled_back":
            stack.pop()
    return stack


def champion(history: Sequence[Promotion]) -> int | None:
    """The champion that the ledger names, None before the first promotion."""
    return next(reversed(champions(history)), None)


def carried_out(history: Sequence[Promotion], action: Action, request: str | None) -> Promotion | None:
    """The change of the champion that a request has already made.

    >>> line = Promotion(1, dt.datetime(2013, 4, 1, tzinfo=dt.UTC), "promoted", 1, None, "", {"request": "run 7"})
    >>> carried_out([line], "promoted", "run 7") == line, carried_out([line], "promoted", "run 8")
    (True, None)
    """
    if request is None or action == "refused":
        return None
    return next((line for line in history if line.action == action and line.request == request), None)


def champion_since(history: Sequence[Promotion]) -> dt.datetime | None:
    """Since when the present champion has been in its place."""
    changes = [line for line in history if line.action != "refused"]
    return changes[-1].at if changes else None
