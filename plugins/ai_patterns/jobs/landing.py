"""Landing: a stream's topic into the lake, each message once, as a row or as a dead letter.

The order of the steps carries the promise (docs/adr/0004-exactly-once.md): hold the table, hold the topic of dead
letters, see that the table is still held, read where both stand; then for each batch write its dead letters, and commit
its rows with the offsets. A message whose dead letter lies past the table's offset was decided by a run that died
before its commit: it stays refused.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from ai_patterns.clients.dead_letters import SETTINGS, dead_topic, read_letters, to_record
from ai_patterns.clients.fenced_table import FencedTable
from ai_patterns.clients.kafka import Broker, Message, TopicReader, TransactionalProducer
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.core.clock import Clock, utc_now
from ai_patterns.core.messages import decode
from ai_patterns.jobs.landed import (
    LandedStream,
    identity,
    landed_offsets,
    landed_stream,
    positions,
    read_offsets,
    require_same_topic,
)
from ai_patterns.jobs.landed_events import landed_schema
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)

BATCH_MESSAGES, BATCH_BYTES, BATCH_SECONDS = 50_000, 64_000_000, 1.0
"""A batch, one commit, ends at the first of these."""

_POLL = 250


@dataclass(frozen=True)
class LandingReport:
    """What a run landed.

    Attributes:
        rows: rows added to the lake.
        refused: messages that became dead letters, by the class of their fault.
        offsets: next offset of each partition.
        lag: records that wait in the topic now.
    """

    rows: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    offsets: Mapping[int, int] = field(default_factory=dict)
    lag: int = 0


def land(
    system: SystemSpec,
    lake: Lake,
    broker: Broker,
    stream: str,
    *,
    until: dt.datetime | None = None,
    clock: Clock = utc_now,
) -> LandingReport:
    """Bring what waits in the stream's topic to `landed/<stream>`, and refused messages to `<topic>.dead`.

    It may be killed at any moment and run again. A second run at the same time takes the first one's place.

    Args:
        system: declares the stream.
        lake: where it lands.
        broker: the cluster.
        stream: the stream's name.
        until: keep on landing what comes until then, by the wall's clock; by default end with what is there now.
        clock: tells when a message arrived that has no time of its own, simulated in a replay.

    Raises:
        ServiceUnavailableError: the cluster is away, or the lake cannot be written.
        FencedError: another run took the stream over.
        ServiceRejectedError: the topic is absent, or it was made anew or shortened since the last run.
    """
    landed = landed_stream(system, stream)
    with broker.reader(landed.topic) as reader:
        offsets, topic_id = landed_offsets(system, lake, stream), broker.topic_id(landed.topic)
        if offsets:
            require_same_topic(lake.open(landed.table), landed.topic, topic_id)
        if offsets == reader.assign(offsets) and until is None and not reader.lag():
            return LandingReport(offsets=offsets)
        broker.create_topic(dead_topic(landed.topic), settings=SETTINGS)
        table = FencedTable.hold(lake, landed.table, landed_schema(landed.spec))
        with broker.transactional(landed.owner) as letters:
            table.require_held()
            landing = _Landing(landed, topic_id, table, letters, reader, clock)
            landing.start()
            landing.run(until)
        table.tidy()
        return LandingReport(landing.rows, dict(landing.refused), reader.positions, reader.lag())


@dataclass
class _Landing:
    """A run that holds the table and the topic of dead letters."""

    landed: LandedStream
    topic_id: str
    table: FencedTable
    letters: TransactionalProducer
    reader: TopicReader
    clock: Clock
    decided: frozenset[tuple[int, int]] = frozenset()
    rows: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def start(self) -> None:
        """Read where the table and the topic of dead letters stand."""
        topic, handle = self.landed.topic, self.table.handle
        starts = self.reader.assign(read_offsets(handle, topic))
        since = read_offsets(handle, dead_topic(topic))
        letters = (each for each in read_letters(self.reader.cluster, topic, since) if each.topic_id == self.topic_id)
        self.decided = frozenset(each.source for each in letters if each.source[1] >= starts.get(each.source[0], 0))

    def run(self, until: dt.datetime | None) -> None:
        """Land batch after batch, up to the topic's end of now or until then."""
        ends = self.reader.ends() if until is None else None
        committed = dict(self.reader.positions)
        while not self._reached(ends) and (until is None or utc_now() < until):
            messages = self._gather(ends)
            if ends and not messages:
                self.reader.ends()  # raises where the cluster is away; a reader would wait for it for ever
            if self.reader.positions != committed:
                committed = dict(self.reader.positions)
                self._land([each for each in messages if (each.partition, each.offset) not in self.decided])

    def _reached(self, ends: Mapping[int, int] | None) -> bool:
        at = self.reader.positions
        return ends is not None and all(at[partition] >= end for partition, end in ends.items())

    def _gather(self, ends: Mapping[int, int] | None) -> list[Message]:
        messages: list[Message] = []
        size, deadline = 0, time.monotonic() + BATCH_SECONDS
        while len(messages) < BATCH_MESSAGES and size < BATCH_BYTES and not self._reached(ends):
            if time.monotonic() > deadline:
                break
            found = self.reader.poll(_POLL, 0.1)
            messages += found
            size += sum(len(each.value or b"") for each in found)
        return messages

    def _land(self, messages: Sequence[Message]) -> None:
        decoded = decode(self.landed.spec, messages, now=self.clock())
        topic = self.landed.topic
        marks = {**identity(topic, self.topic_id), **positions(topic, self.reader.positions)}
        if decoded.refused:
            self._refuse([(messages[each.index], str(each.reason)) for each in decoded.refused])
            marks |= self._letters_read()
        known = decoded.rows[self.landed.spec.known_time]
        self.table.append(decoded.rows.append_column(DAY, known.cast(pa.date32())), marks)
        self.rows += decoded.rows.num_rows
        self.refused.update(each.reason.kind for each in decoded.refused)
        log.info("Landed %d rows of %s; %d messages are refused.", decoded.rows.num_rows, topic, len(decoded.refused))

    def _letters_read(self) -> dict[str, int]:
        """The end of the dead letters, unless one before it is still of use: its message is not passed yet."""
        at, topic = self.reader.positions, dead_topic(self.landed.topic)
        if any(offset >= at.get(partition, 0) for partition, offset in self.decided):
            return {}
        ends = self.reader.cluster.watermarks(topic)
        return positions(topic, {partition: mark.high for partition, mark in ends.items()})

    def _refuse(self, refused: Sequence[tuple[Message, str]]) -> None:
        with self.letters.transaction():
            for message, reason in refused:
                self.letters.send(dead_topic(self.landed.topic), to_record(message, reason, self.topic_id))
