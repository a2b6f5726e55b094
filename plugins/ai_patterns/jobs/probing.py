"""A real request to try an inference service with."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow.compute as pc

from ai_patterns.clients.lake import Lake
from ai_patterns.spec.system import SystemSpec


def probe_request(system: SystemSpec, lake: Lake, before: dt.datetime) -> dict[str, Any]:
    """The inputs of the newest decision whose event time lies before `before`, as JSON values.

    Raises:
        ServiceUnavailableError: the decision's stream was never published.
        LookupError: it holds no event before that instant.
    """
    time = system.decision_stream.event_time
    events = lake.dataset(f"events/{system.decision.stream}")
    rows = events.to_table(columns=list(system.decision.inputs), filter=pc.field(time) < pc.scalar(before))
    if not rows.num_rows:
        raise LookupError(f"no event of {system.decision.stream!r} before {before}")
    newest = rows.take(pc.select_k_unstable(rows, k=1, sort_keys=[(time, "descending")])).to_pylist()[0]
    return {name: plain_input(value) for name, value in newest.items()}


def plain_input(value: Any) -> Any:
    """A decision's input as a request carries it: an instant in ISO 8601."""
    return value.isoformat() if isinstance(value, dt.datetime) else value
