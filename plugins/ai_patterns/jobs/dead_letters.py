"""Dead letters: what waits and why, and its way back into the topic after a fix.

A replay writes the messages back and, in the same transaction of Kafka, the places of their letters to
`<topic>.replayed`, under the id of the topic that holds them. So a letter is replayed once, wherever the process dies,
and the letters stay as they are. A replay that starts takes the place of one that runs.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ai_patterns.clients.dead_letters import SETTINGS, Letter, dead_topic, read_letters
from ai_patterns.clients.kafka import Broker, Record
from ai_patterns.jobs.landed import LandedStream, landed_stream
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)

_BATCH = 500


def replayed_topic(topic: str) -> str:
    """The topic that tells which dead letters were replayed.

    >>> replayed_topic("flights.departed")
    'flights.departed.replayed'
    """
    return f"{topic}.replayed"


def count_letters(system: SystemSpec, broker: Broker, stream: str, reason: str = "") -> dict[str, int]:
    """Dead letters that wait, by reason, the most frequent first; of those whose reason begins with `reason`.

    Raises:
        ServiceUnavailableError: the cluster is away.
        ServiceRejectedError: there is no such topic.
    """
    counts = Counter(letter.reason for letter in waiting_letters(system, broker, stream, reason))
    return dict(counts.most_common())


def waiting_letters(system: SystemSpec, broker: Broker, stream: str, reason: str = "") -> Iterator[Letter]:
    """The dead letters of a stream that were not replayed, oldest first.

    Args:
        system: declares the stream.
        broker: the cluster.
        stream: the stream's name.
        reason: the beginning of the reasons that are of interest, such as `type` or `range: humid`.
    """
    landed = landed_stream(system, stream)
    _create_topics(broker, landed)
    replayed = _replayed(broker, landed.topic, broker.topic_id(dead_topic(landed.topic)))
    for letter in read_letters(broker, landed.topic):
        if letter.place not in replayed and letter.reason.startswith(reason):
            yield letter


def replay(system: SystemSpec, broker: Broker, stream: str, reason: str = "") -> int:
    """Write waiting messages back to their topic and partition, with key, value and headers as they were.

    They arrive anew: a message whose time lay in the future is judged by the time of its replay.

    Args:
        system: declares the stream.
        broker: the cluster.
        stream: the stream's name.
        reason: the beginning of the reasons that are replayed; all by default.

    Returns:
        Messages written.

    Raises:
        FencedError: another replay took over.
        ServiceUnavailableError: the cluster is away.
        ServiceRejectedError: there is no such topic.
    """
    landed, count = landed_stream(system, stream), 0
    with broker.transactional(f"{landed.owner}.replay") as producer:
        _create_topics(broker, landed)
        letters_id = broker.topic_id(dead_topic(landed.topic)).encode()
        for letters in _batches(waiting_letters(system, broker, stream, reason)):
            with producer.transaction():
                for letter in letters:
                    producer.send(landed.topic, _record(letter))
                places = json.dumps([letter.place for letter in letters])
                producer.send(replayed_topic(landed.topic), Record(places.encode(), letters_id))
            count += len(letters)
    log.info("Replayed %d dead letters of %s.", count, landed.topic)
    return count


def _create_topics(broker: Broker, landed: LandedStream) -> None:
    for topic in (dead_topic(landed.topic), replayed_topic(landed.topic)):
        broker.create_topic(topic, settings=SETTINGS)


def _replayed(broker: Broker, topic: str, letters_id: str) -> set[tuple[int, int]]:
    with broker.reader(replayed_topic(topic)) as reader:
        reader.assign()
        return {
            (partition, offset)
            for mark in reader.read_to_end()
            if mark.key == letters_id.encode()
            for partition, offset in json.loads(mark.value or b"[]")
        }


def _record(letter: Letter) -> Record:
    message = letter.message
    return Record(message.value, message.key, message.headers, partition=message.partition)


def _batches(letters: Iterable[Letter]) -> Iterator[Sequence[Letter]]:
    batch: list[Letter] = []
    for letter in letters:
        batch.append(letter)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
