"""Tables that a process has made, kept within a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

import pyarrow as pa


class TableCache:
    """The tables that were asked for last, as many as fit.

    Args:
        size: bytes that all of them may take.

    >>> cache = TableCache(size=16)
    >>> pair = pa.table({"a": [1, 2]})
    >>> cache.get("a", lambda: pair) is cache.get("a", lambda: pair.slice(1))
    True
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._tables: OrderedDict[Hashable, pa.Table] = OrderedDict()

    def get(self, key: Hashable | None, make: Callable[[], pa.Table], *, first_to_go: bool = False) -> pa.Table:
        """The table of a key, made where it is not there.

        Args:
            key: equal as long as `make` makes the same; None where that cannot be told, so that it is made each time.
            make: makes it.
            first_to_go: whether all others are worth more.
        """
        if key is None:
            return make()
        if key not in self._tables:
            self._tables[key] = make()
        table = self._tables[key]
        self._tables.move_to_end(key, last=not first_to_go)
        while sum(kept.nbytes for kept in self._tables.values()) > self._size:
            self._tables.popitem(last=False)
        return table
