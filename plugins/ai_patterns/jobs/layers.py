"""What landed of the topics, and what the last certificate says of both layers: read from the lake in a moment."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.core.days import Days
from ai_patterns.jobs.certification import CERTIFICATES
from ai_patterns.jobs.landed import landed_offsets, landed_streams
from ai_patterns.jobs.table_facts import table_facts
from ai_patterns.spec.system import SystemSpec


@dataclass(frozen=True)
class LandedTopic:
    """One topic's rows in the lake.

    Attributes:
        stream: the stream.
        topic: its topic.
        rows: how many landed.
        messages: how many were read of all its partitions, refused ones included.
        last_day: the last day of known time of which one landed.
        written_at: when some landed last, UTC.
    """

    stream: str
    topic: str
    rows: int
    messages: int
    last_day: dt.date | None
    written_at: dt.datetime | None


@dataclass(frozen=True)
class CertifiedGroup:
    """One group in the last certificate.

    Attributes:
        group: its name.
        buckets: buckets that hold a key.
        unequal: how many of them differ between serving and lake.
        keys: entities compared.
    """

    group: str
    buckets: int
    unequal: int
    keys: int


@dataclass(frozen=True)
class Layers:
    """The last certificate.

    Attributes:
        at: the instant whose values were compared, UTC.
        certified_at: when, UTC.
        boundary: up to where the batch layer serves, UTC; None while it does not.
        stale_days: whole days that landed past the boundary and are not in the batch layer yet: reads are right all the
            same, as the speed layer holds them, and grow slower with each.
        groups: by name.
    """

    at: dt.datetime
    certified_at: dt.datetime
    boundary: dt.datetime | None
    stale_days: int
    groups: tuple[CertifiedGroup, ...]

    @property
    def equal(self) -> bool:
        """Whether no bucket differs."""
        return not any(group.unequal for group in self.groups)


def read_landed(system: SystemSpec, lake: Lake) -> list[LandedTopic]:
    """What landed, by stream; streams of which nothing did are left out."""
    facts = {name: table_facts(lake, f"landed/{name}") for name in landed_streams(system)}
    return [
        LandedTopic(
            name, str(system.streams[name].topic), fact.rows, sum(landed_offsets(system, lake, name).values()),
            fact.last_day, fact.written_at,
        )
        for name, fact in facts.items() if fact
    ]  # fmt: skip


def read_layers(lake: Lake, landed: Iterable[LandedTopic]) -> Layers | None:
    """The last certificate of a lake, None before the first.

    Args:
        lake: the lake.
        landed: what `read_landed` gave.
    """
    facts = table_facts(lake, CERTIFICATES)
    if facts is None or facts.last_day is None:
        return None
    table = lake.read(CERTIFICATES, Days(facts.last_day, facts.last_day))
    rows = table.filter(pc.equal(table["at"], pc.max(table["at"]))).drop_columns(DAY).to_pylist()
    boundary = rows[0]["boundary"]
    last = max((item.last_day for item in landed if item.last_day), default=None)
    stale = (last - boundary.date()).days if last and boundary else 0
    return Layers(rows[0]["at"], rows[0]["certified_at"], boundary, max(stale, 0), _groups(rows))


def _groups(rows: Iterable[Mapping[str, Any]]) -> tuple[CertifiedGroup, ...]:
    by_group: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        by_group[row["group"]].append(row)
    return tuple(
        CertifiedGroup(
            name, sum(row["keys"] > 0 for row in found), sum(not row["equal"] for row in found),
            sum(row["keys"] for row in found),
        )
        for name, found in sorted(by_group.items())
    )  # fmt: skip
