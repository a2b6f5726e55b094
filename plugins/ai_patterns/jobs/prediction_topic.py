"""Predictions from their topic into the lake, each once, as a row or as a dead letter.

The steps are those of a stream's landing, in the same order and for the same reasons (docs/adr/0004-exactly-once.md).
What is added: a row that is in the table already is left out, since a service whose broker did not answer sends it
again (docs/adr/0025-predictions-by-topic.md).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from ai_patterns.clients.dead_letters import SETTINGS, dead_topic, read_letters, to_record
from ai_patterns.clients.fenced_table import FencedTable
from ai_patterns.clients.kafka import Broker, Message, TopicReader, TransactionalProducer
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.core.messages import Refused
from ai_patterns.core.prediction_messages import decode
from ai_patterns.core.prediction_schema import prediction_schema
from ai_patterns.core.prediction_topic import topic_of
from ai_patterns.core.predictions import PARTITIONS, TABLE
from ai_patterns.jobs.landed import identity, positions, read_offsets, require_same_topic
from ai_patterns.jobs.landing import LandingReport
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)

BATCH_MESSAGES, BATCH_BYTES = 20_000, 64_000_000
"""A batch, one commit, ends at the first of these."""

_ID = "prediction_id"


def land_predictions(system: SystemSpec, lake: Lake, broker: Broker, table: str = TABLE) -> LandingReport:
    """Bring what waits in the predictions' topic to their table, and refused messages to `<topic>.dead`.

    It may be killed at any moment and run again. A second run at the same time takes the first one's place; services
    and batch runs that write to the table themselves go on.

    Args:
        system: names the topic.
        lake: where it lands.
        broker: the cluster.
        table: `predictions`, or `shadow_predictions`, whose topic has `.shadow` added.

    Returns:
        What was landed: nothing where no service has sent anything yet.

    Raises:
        SpecError: the system declares no topic.
        ServiceUnavailableError: the cluster is away, or the lake cannot be written.
        FencedError: another run took over.
        ServiceRejectedError: the topic is gone, or it was made anew or shortened since the last run.
    """
    topic = topic_of(system, table)
    offsets = read_offsets(lake.open(table), topic) if lake.exists(table) else {}
    if not offsets and topic not in broker.topics():
        return LandingReport()
    with broker.reader(topic) as reader:
        topic_id = broker.topic_id(topic)
        if offsets:
            require_same_topic(lake.open(table), topic, topic_id)
        reader.assign(offsets)
        if not reader.lag():
            return LandingReport(offsets=reader.positions)
        broker.create_topic(dead_topic(topic), settings=SETTINGS)
        held = _hold(system, lake, table)
        with broker.transactional(f"ai-patterns/{topic}") as letters:
            held.require_held()
            landing = _Landing(system, table, topic_id, held, letters, reader)
            landing.run()
        return LandingReport(landing.rows, dict(landing.refused), reader.positions, reader.lag())


def _hold(system: SystemSpec, lake: Lake, table: str) -> FencedTable:
    """The table, with all columns of today, held by this run."""
    schema = prediction_schema(system)
    lake.create(table, schema, PARTITIONS)
    if not set(schema.names) <= {item.name for item in lake.open(table).schema().fields}:
        lake.append(table, schema.empty_table(), PARTITIONS, widen=True)
    return FencedTable.hold(lake, table, schema)


@dataclass
class _Landing:
    """A run that holds the table and the topic of dead letters."""

    system: SystemSpec
    table: str
    topic_id: str
    held: FencedTable
    letters: TransactionalProducer
    reader: TopicReader
    rows: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def run(self) -> None:
        """Land batch after batch, up to the topic's end of now."""
        topic = self.reader.topic
        starts = self.reader.assign(read_offsets(self.held.handle, topic))
        letters = (each for each in read_letters(self.reader.cluster, topic) if each.topic_id == self.topic_id)
        # Refused by a run that died before its commit.
        decided = {each.source for each in letters if each.source[1] >= starts.get(each.source[0], 0)}
        for messages, offsets in _batches(self.reader):
            self._land([each for each in messages if (each.partition, each.offset) not in decided], offsets)

    def _land(self, messages: Sequence[Message], offsets: dict[int, int]) -> None:
        rows, refused = decode(self.system, self.table, messages)
        if refused:
            self._refuse(messages, refused)
        rows = self._new(rows)
        topic = self.reader.topic
        self.held.append(rows, {**identity(topic, self.topic_id), **positions(topic, offsets)})
        self.rows += rows.num_rows
        self.refused.update(each.reason.kind for each in refused)
        log.info("Landed %d predictions of %s; %d messages are refused.", rows.num_rows, topic, len(refused))

    def _new(self, rows: pa.Table) -> pa.Table:
        """The rows that are not in the table yet, each once."""
        if not rows.num_rows:
            return rows
        ids, days = rows[_ID], rows[DAY]
        span = pc.min_max(days).as_py()
        table = self.held.handle.to_pyarrow_dataset(
            file_pruning_predicate=f"{DAY} >= '{span['min']}' AND {DAY} <= '{span['max']}'"
        )
        known = table.to_table(columns=[_ID], filter=ds.field(_ID).isin(ids.combine_chunks()))
        seen, places = set(known[_ID].to_pylist()), list[int]()
        for place, name in enumerate(ids.to_pylist()):
            if name not in seen:
                seen.add(name)
                places.append(place)
        return rows.take(pa.array(places, pa.int64()))

    def _refuse(self, messages: Sequence[Message], refused: Sequence[Refused]) -> None:
        with self.letters.transaction():
            for each in refused:
                message = messages[each.index]
                self.letters.send(dead_topic(message.topic), to_record(message, str(each.reason), self.topic_id))


def _batches(reader: TopicReader) -> Iterator[tuple[list[Message], dict[int, int]]]:
    """The messages up to the end as it is now, and the offsets behind each batch of them."""
    batch, size, offsets = list[Message](), 0, dict(reader.positions)
    for message in reader.read_to_end():
        batch.append(message)
        size += len(message.value or b"")
        offsets[message.partition] = message.offset + 1
        if len(batch) == BATCH_MESSAGES or size >= BATCH_BYTES:
            yield batch, dict(offsets)
            batch, size = [], 0
    if batch or offsets != reader.positions:
        yield batch, dict(reader.positions)
