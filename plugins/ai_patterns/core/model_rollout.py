"""A rollout of a new version, as a list of steps from which follows who answers: shadow, canary by share, the end.

```
started -> advanced (one line for each share) -> passed -> promoted
   |           |                                    |
   +-----------+------------------------------------+-----> rolled_back
```
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa

from ai_patterns.core.routing import Routing
from ai_patterns.spec.rollout import RolloutSpec

TABLE = "rollouts"
Action = Literal["refused", "started", "advanced", "passed", "promoted", "rolled_back"]

_RUNNING = ("started", "advanced", "passed")
_GRACE = dt.timedelta(minutes=10)

SCHEMA = pa.schema(
    [
        ("sequence", pa.int64()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("rollout", pa.string()),
        ("action", pa.string()),
        ("version", pa.int64()),
        ("champion", pa.int64()),
        ("step", pa.int64()),
        ("share", pa.float64()),
        ("reason", pa.string()),
        ("evidence", pa.string()),
    ]
)


@dataclass(frozen=True)
class RolloutLine:
    """One line of the ledger of rollouts.

    Attributes:
        sequence: its number, from 1 without gaps; what is counted of a step is counted under its line's number.
        at: when, UTC.
        rollout: the rollout's name, such as the run that asked for it.
        action: what was decided.
        version: the new version.
        champion: the version that it is compared with.
        step: the step that follows, 0 for the shadow; after the last step the one that was passed.
        share: of the keys that the new version answers in this step.
        reason: why, in words.
        evidence: what it rests on.
    """

    sequence: int
    at: dt.datetime
    rollout: str
    action: Action
    version: int
    champion: int
    step: int
    share: float
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """Whether the rollout goes on after this line."""
        return self.action in _RUNNING

    def to_table(self) -> pa.Table:
        """The line as a table of one row."""
        row = {**vars(self), "evidence": json.dumps(self.evidence, default=str)}
        return pa.Table.from_pylist([row], schema=SCHEMA)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> RolloutLine:
        """Read a row of the table."""
        return cls(**{**row, "evidence": json.loads(row["evidence"])})


def newest(history: Sequence[RolloutLine]) -> RolloutLine | None:
    """The line that tells how things stand: the newest that is no refusal."""
    return next((line for line in reversed(history) if line.action != "refused"), None)


def routing(spec: RolloutSpec, history: Sequence[RolloutLine]) -> Routing | None:
    """What servers are to do after these lines; None where no rollout runs."""
    line = newest(history)
    if line is None or not line.running:
        return None
    (started,) = (item for item in history if item.rollout == line.rollout and item.action == "started")
    until = line.at + max(hold.at_most for _, hold in spec.steps) + _GRACE
    edges = tuple(started.evidence["edges"])
    return Routing(line.sequence, line.rollout, line.version, line.champion, line.share, edges, until)


def following(spec: RolloutSpec, line: RolloutLine) -> tuple[Action, int, float]:
    """What a step that may go on leads to: action, step and share.

    >>> at = dt.datetime(2013, 4, 1, tzinfo=dt.UTC)
    >>> line = RolloutLine(1, at, "run 7", "started", 3, 2, 0, 0.0, "")
    >>> following(RolloutSpec(canary=(0.1,)), line)
    ('advanced', 1, 0.1)
    """
    if line.step + 1 < len(spec.steps):
        return "advanced", line.step + 1, spec.steps[line.step + 1][0]
    return "passed", line.step, line.share
