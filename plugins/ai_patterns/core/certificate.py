"""The certificate of the lambda architecture: two ways to one value, compared key bucket by key bucket.

Keys fall into buckets by a hash; each side gives a bucket one digest of its keys and values. Equal digests need no
further look; in a bucket whose digests differ, the keys that differ are told with both values. The scheme is that of
anti-entropy by hash trees (Merkle 1987; DeCandia et al. 2007, "Dynamo", 4.7) with a single level.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

BUCKETS = 64

Key = tuple[Any, ...]
Values = Mapping[Key, Mapping[str, Any]]
"""Of each entity's key the group's features."""


@dataclass(frozen=True)
class Bucket:
    """One bucket of one group.

    Attributes:
        keys: how many entities either side holds there.
        merged: SHA-256 of what serving reads, in hexadecimal digits.
        recomputed: SHA-256 of what the lake gives.
    """

    number: int
    keys: int
    merged: str
    recomputed: str

    @property
    def equal(self) -> bool:
        """Whether both sides are the same to the bit."""
        return self.merged == self.recomputed


@dataclass(frozen=True)
class Difference:
    """An entity whose two values differ; `None` where one side does not know it."""

    key: Key
    merged: Mapping[str, Any] | None
    recomputed: Mapping[str, Any] | None


def compare(merged: Values, recomputed: Values, buckets: int = BUCKETS) -> tuple[list[Bucket], list[Difference]]:
    """Compare what serving reads with what the lake gives.

    Args:
        merged: batch and speed layer merged, by entity.
        recomputed: the same from the lake's events alone.
        buckets: number of buckets.

    Returns:
        Every bucket in order, and the differing entities of those that are not equal, in the order of their keys.

    >>> found, differing = compare({("JFK",): {"late_1h": 0.5}}, {("JFK",): {"late_1h": 0.25}})
    >>> [bucket.equal for bucket in found if bucket.keys], differing[0].recomputed
    ([False], {'late_1h': 0.25})
    """
    texts = [_by_bucket(side, buckets) for side in (merged, recomputed)]
    found = [_bucket(number, texts[0][number], texts[1][number]) for number in range(buckets)]
    differing = [
        key
        for bucket in found
        if not bucket.equal
        for key in _differing(texts[0][bucket.number], texts[1][bucket.number])
    ]
    names = {_text(key): key for key in (*merged, *recomputed)}
    keys = sorted((names[text] for text in differing), key=_text)
    return found, [Difference(key, merged.get(key), recomputed.get(key)) for key in keys]


def _by_bucket(side: Values, buckets: int) -> Mapping[int, dict[str, str]]:
    texts: dict[int, dict[str, str]] = defaultdict(dict)
    for key, values in side.items():
        text = _text(key)
        texts[_number(text, buckets)][text] = _text(dict(values))
    return texts


def _text(value: Sequence[Any] | dict[str, Any]) -> str:
    """Equal for equal bits alone: Python writes the shortest digits that read back to the same number."""
    return json.dumps(value, sort_keys=True, default=str)


def _number(text: str, buckets: int) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) % buckets


def _bucket(number: int, merged: Mapping[str, str], recomputed: Mapping[str, str]) -> Bucket:
    return Bucket(number, len({*merged, *recomputed}), _digest(merged), _digest(recomputed))


def _digest(texts: Mapping[str, str]) -> str:
    digest = hashlib.sha256()
    for key in sorted(texts):
        digest.update(f"{key}\t{texts[key]}\n".encode())
    return digest.hexdigest()


def _differing(merged: Mapping[str, str], recomputed: Mapping[str, str]) -> list[str]:
    return [key for key in {*merged, *recomputed} if merged.get(key) != recomputed.get(key)]
