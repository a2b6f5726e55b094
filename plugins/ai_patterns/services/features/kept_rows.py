"""Rows of entities that are kept in the process until Redis says that they changed."""

from __future__ import annotations

from collections.abc import Sequence

from ai_patterns.services.features.answers import Row
from ai_patterns.services.features.plan import ViewRead

_READS = 16
"""Reads of which an entity's rows are kept; those of plans that are gone would else stay for ever."""


class KeptRows:
    """What Redis said of entities; the one kept longest makes room.

    Args:
        size: entities that are kept: ten thousand of a dozen features take some 10 MB.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._rows: dict[bytes, dict[ViewRead, Row | None]] = {}

    def find(self, key: bytes) -> dict[ViewRead, Row | None]:
        """The rows of an entity, None for one that Redis does not hold."""
        return self._rows.get(key) or {}

    def keep(self, key: bytes, read: ViewRead, row: Row | None) -> None:
        """Keep a row of an entity."""
        rows = self._rows.setdefault(key, {})
        if len(rows) >= _READS:
            rows.clear()
        rows[read] = row
        if len(self._rows) > self._size:
            del self._rows[next(iter(self._rows))]

    def forget(self, keys: Sequence[bytes] | None) -> None:
        """Drop what is kept of these entities; None stands for all."""
        if keys is None:
            self._rows.clear()
            return
        for key in keys:
            self._rows.pop(key, None)
