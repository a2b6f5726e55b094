"""The notes in a store of tiles: offsets, holds on partitions, the seal and the boundary, and what they forbid."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence

from ai_patterns.clients.tile_transaction import Reader, Span, Transaction
from ai_patterns.core.tile_rows import Boundary
from ai_patterns.errors import FencedError, ServiceRejectedError

CONN_ID = "ai_patterns_online_store"


def offsets_of(reader: Reader | Transaction) -> dict[str, dict[int, int]]:
    """Next offset of each partition that was read, by topic."""
    found: dict[str, dict[int, int]] = {}
    for name, text in reader.notes("offset|").items():
        _, topic, partition = name.split("|")
        found.setdefault(topic, {})[int(partition)] = int(text)
    return found


def seal_of(reader: Reader | Transaction) -> Boundary | None:
    """The newest seal."""
    return _read(reader.notes("sealed").get("sealed"))


def boundary_of(reader: Reader | Transaction) -> Boundary | None:
    """Where the batch layer ends."""
    return _read(reader.notes("boundary").get("boundary"))


def tidied_of(reader: Reader | Transaction) -> int:
    """The generation before which nothing is left."""
    return int(reader.notes("tidied").get("tidied", 1))


def take_generation(transaction: Transaction) -> int:
    """A number that no other advance loads rows under."""
    number = int(transaction.notes("generation").get("generation", 0)) + 1
    transaction.note("generation", str(number))
    return number


def _read(text: str | None) -> Boundary | None:
    if text is None:
        return None
    held = json.loads(text)
    offsets = {topic: {int(number): end for number, end in ends.items()} for topic, ends in held["offsets"].items()}
    return Boundary(dt.datetime.fromisoformat(held["at"]), offsets, held["generation"])


def to_text(boundary: Boundary) -> str:
    """A boundary or a seal as its note holds it."""
    return json.dumps({"at": boundary.at.isoformat(), "offsets": boundary.offsets, "generation": boundary.generation})


def require_drawable(transaction: Transaction, drawn: Boundary) -> None:
    """Refuse a boundary that goes back, was not sealed, or leaves out what was folded before the seal.

    Raises:
        FencedError: another one was drawn meanwhile.
        ServiceRejectedError: the boundary is wrong; the message tells the remedy.
    """
    held, sealed = boundary_of(transaction), seal_of(transaction)
    if held is not None and drawn.at < held.at:
        raise ServiceRejectedError(f"the boundary is at {held.at}; it does not go back to {drawn.at}")
    if held is not None and drawn.generation < held.generation:
        raise FencedError(f"the boundary was drawn at {held.at} while these rows were loaded. Run it again")
    if sealed is None or sealed.at != drawn.at:
        raise ServiceRejectedError(f"seal {drawn.at} before the batch layer is built: sealed is {sealed and sealed.at}")
    for topic, ends in sealed.offsets.items():
        for partition, end in ends.items():
            if drawn.offsets.get(topic, {}).get(partition, 0) < end:
                raise ServiceRejectedError(
                    f"messages of partition {partition} of {topic!r} before offset {end} were folded before the seal "
                    f"and are not in the batch layer: land the topic, build those days, and advance again"
                )


def require_turn(transaction: Transaction, spans: Sequence[Span]) -> None:
    """Refuse a fold whose partitions are another worker's by now, or which begins elsewhere than the store ends.

    Raises:
        FencedError: another worker holds one of the partitions.
        ServiceRejectedError: the store was emptied, or is at other offsets.
    """
    for span in spans:
        topic, partition, epoch = span.claim.topic, span.claim.partition, span.claim.epoch
        held = transaction.notes(f"epoch|{topic}|{partition}")
        newest = int(held.get(f"epoch|{topic}|{partition}", 0))
        if newest < epoch:
            raise ServiceRejectedError(
                f"the store knows nothing of this worker's hold on partition {partition} of {topic!r}: it was "
                "emptied or put back. Start the worker again; it loads the batch layer and reads the topic anew"
            )
        if newest > epoch:
            raise FencedError(f"another worker took partition {partition} of {topic!r} over. This one stops.")
        stands = int(transaction.notes(f"offset|{topic}|{partition}").get(f"offset|{topic}|{partition}", span.start))
        if stands != span.start:
            raise ServiceRejectedError(
                f"partition {partition} of {topic!r} was folded up to offset {stands}, not {span.start}; "
                "start the worker again, it goes on from the store's offset"
            )


def require_same(name: str, incarnation: str, notes: Mapping[str, str]) -> None:
    """Refuse a store that is not the one which was opened.

    Args:
        name: what the message calls the store.
        incarnation: what the store's note held when it was opened.
        notes: its notes now.

    Raises:
        ServiceRejectedError: it was emptied or put back since, and would serve less than was folded.
    """
    if notes.get("incarnation") != incarnation:
        raise ServiceRejectedError(
            f"the tiles in {name} were emptied or put back since they were opened. Start the process again, and load "
            "the batch layer by the lambda architecture's DAG",
            conn_id=CONN_ID,
        )
