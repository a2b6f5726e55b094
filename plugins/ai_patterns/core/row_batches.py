"""Rows read a batch at a time: what is held at once does not grow with them."""

from __future__ import annotations

import datetime as dt
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeAlias, TypeVar, Union

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ai_patterns.core.sessions import Limits

if TYPE_CHECKING:
    import pyarrow.dataset as ds  # brings pandas, which takes a fifth of a second

Rows: TypeAlias = Union[pa.Table, pq.ParquetFile, "ds.Dataset"]
"""A table in memory, a Parquet file, or a dataset of the lake."""

T = TypeVar("T")
R = TypeVar("R")
Floats: TypeAlias = NDArray[np.float64]

BATCH = 131_072
"""Rows of a batch: enough that threads seldom wait for each other, and few enough for a column to stay in the cache."""
EPOCH = dt.date(1970, 1, 1)


def batches(rows: Rows, columns: Sequence[str], *, before: dt.date | None = None) -> Iterator[pa.RecordBatch]:
    """At least the named columns, in the rows' order; no batch is empty.

    Args:
        rows: what to read.
        columns: names.
        before: leave out the rows from this day on; then the rows have a column `day` (date32).

    Raises:
        KeyError: there is no such column.
    """
    names = list(dict.fromkeys([*columns, "day"] if before else columns))
    for batch in _read(rows, names):
        past = _past(batch, before) if before else batch
        if len(past):
            yield past


def in_threads(work: Callable[[T], R], found: Iterable[T]) -> Iterator[R]:
    """What `work` makes of each one, in their order, a few at a time.

    In as many threads as the engine may take: `AI_PATTERNS_ENGINE_THREADS`, else one a core.
    """
    count = Limits.from_environment().threads or os.cpu_count() or 1
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(count, "batches") as workers:
        for item in found:
            waiting.append(workers.submit(work, item))
            if len(waiting) > count:
                yield waiting.popleft().result()
        yield from (done.result() for done in waiting)


def numbers(column: pa.Array) -> Floats:
    """Values of a column of numbers or truth values; a null is NaN.

    >>> numbers(pa.array([True, None])).tolist()
    [1.0, nan]
    """
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))


def words(column: pa.Array) -> pa.DictionaryArray:
    """Values of a column as strings, each kept once.

    >>> words(pa.array([7, 7, None])).to_pylist()
    ['7', '7', None]
    """
    if not pa.types.is_dictionary(column.type):
        return column.cast(pa.string()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(column.indices, column.dictionary.cast(pa.string()))


def day_numbers(batch: pa.RecordBatch) -> NDArray[np.int32]:
    """The rows' days since 1970, UTC."""
    return np.asarray(batch["day"].cast(pa.int32()).to_numpy())


def _read(rows: Rows, names: list[str]) -> Iterator[pa.RecordBatch]:
    if isinstance(rows, pa.Table):
        return iter(rows.select(names).to_batches(BATCH))
    if isinstance(rows, pq.ParquetFile):
        return iter(rows.iter_batches(BATCH, columns=names))
    return iter(rows.to_batches(columns=names, batch_size=BATCH))


def _past(batch: pa.RecordBatch, before: dt.date) -> pa.RecordBatch:
    early = day_numbers(batch) < (before - EPOCH).days
    return batch if early.all() else batch.filter(pa.array(early))
