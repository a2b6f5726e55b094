"""One stream's way from its topic into the store: read, decode, fold, move on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pyarrow.compute as pc

from ai_patterns.clients.kafka import Broker, Message
from ai_patterns.clients.tile_store import TileStore
from ai_patterns.clients.tile_transaction import Span
from ai_patterns.core.clock import Clock
from ai_patterns.core.messages import decode
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.services.stream_worker.folding import Folder
from ai_patterns.spec.system import SystemSpec

BATCH_MESSAGES = 30_000
"""Most messages of a batch, which bounds the memory that one takes."""


@dataclass(frozen=True)
class Step:
    """What came of one batch.

    Attributes:
        messages: messages read.
        folded: events folded.
        refused: messages that are no events of the stream; landing makes dead letters of them.
        left_out: events that were there before, or too late for this layer.
        newest: the latest known time among the folded events, UTC.
    """

    messages: int = 0
    folded: int = 0
    refused: int = 0
    left_out: int = 0
    newest: dt.datetime | None = None


class Intake:
    """Reads one stream's partitions.

    Args:
        system: the system.
        stream: the stream's name; it has a topic.
        broker: the cluster.
        store: where tiles go, and where the offsets lie.
        partitions: the topic's partitions that this worker has.
        clock: what counts as now.

    Raises:
        ServiceUnavailableError: the cluster or the store is away.
        ServiceRejectedError: the topic is absent, or does not hold the store's offsets any more.
    """

    def __init__(
        self,
        system: SystemSpec,
        stream: str,
        broker: Broker,
        store: TileStore,
        *,
        partitions: Collection[int],
        clock: Clock,
    ) -> None:
        self.stream, self._store, self._clock = stream, store, clock
        self._folder = Folder(system, stream)
        self._spec = system.streams[stream]
        topic = str(self._spec.topic)
        self.reader = broker.reader(topic)
        self._claims = {each: store.claim(topic, each) for each in sorted(partitions)}
        held = store.offsets().get(topic, {})
        self.reader.assign({each: held[each] for each in self._claims if each in held}, only=self._claims)
        self._through = dict(self.reader.positions)

    def lag(self) -> int:
        """Messages of its partitions that are not in the store yet; safe to ask from another thread."""
        through = self._through
        return sum(max(end - through.get(partition, end), 0) for partition, end in self.reader.ends().items())

    def step(self, seconds: float) -> Step:
        """Fold what comes within `seconds`.

        Raises:
            FencedError: another worker took a partition over; nothing was written.
            ServiceUnavailableError: the store is away; the batch is read again by the next step.
            ServiceRejectedError: the topic or the store is not what it was.
        """
        before = dict(self.reader.positions)
        messages = self.reader.poll(BATCH_MESSAGES, seconds)
        spans = self._spans(before)
        if not spans:
            return Step()
        try:
            step = self._fold(messages, spans)
        except ServiceUnavailableError:
            for span in spans:
                self.reader.seek(span.claim.partition, span.start)
            raise
        self._through = dict(self.reader.positions)
        return step

    def _fold(self, messages: Sequence[Message], spans: Sequence[Span]) -> Step:
        decoded = decode(self._spec, messages, now=self._clock())
        batch = self._folder.prepare(decoded.rows)
        folded = self._store.update(self.stream, spans, batch.ids, lambda context: self._folder.fold(batch, context))
        count = sum(len(ids) for ids in folded.ids.values())
        return Step(
            messages=len(messages),
            folded=count,
            refused=len(decoded.refused),
            left_out=decoded.rows.num_rows - count,
            newest=pc.max(batch.rows[self._spec.known_time]).as_py() if count else None,
        )

    def close(self) -> None:
        """Let go of the topic."""
        self.reader.close()

    def _spans(self, before: Mapping[int, int]) -> Sequence[Span]:
        now = self.reader.positions
        return [Span(self._claims[each], start, now[each]) for each, start in before.items() if now[each] > start]


def streams_of(system: SystemSpec) -> list[str]:
    """The streams that have a topic and feed a group of the stream layer."""
    feeding = {group.stream for group in system.groups.values() if group.layer == "stream"}
    return [name for name, stream in system.streams.items() if stream.topic is not None and name in feeding]
