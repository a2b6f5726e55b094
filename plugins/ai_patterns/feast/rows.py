"""Rows of a feature view, serialized for an online store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from feast import FeatureView
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.infra.online_stores.helpers import extract_text_and_num
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value

from ai_patterns.feast.keys import entity_keys
from ai_patterns.feast.values import value_bytes, value_texts

FeastRow = tuple[EntityKey, dict[str, Value], datetime, datetime | None]
"""What Feast hands to `online_write_batch`."""

_NEVER = np.iinfo(np.int64).min
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), datetime.resolution


@dataclass(frozen=True)
class Rows:
    """One row an entity, ready to be written.

    Attributes:
        keys: serialized entity keys, type binary.
        values: feature -> serialized `Value`s, type binary without nulls.
        event: event times, microseconds since 1970, UTC.
        created: created times in the same unit, where the source has them; the least integer is none.
        texts: feature -> its values as text, type string, where they were asked for.
    """

    keys: pa.Array
    values: Mapping[str, pa.Array]
    event: npt.NDArray[np.int64]
    created: npt.NDArray[np.int64] | None = None
    texts: Mapping[str, pa.Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.keys)

    def take(self, places: npt.NDArray[np.int64]) -> Rows:
        """The rows at these places."""
        rows = pa.array(places)
        return Rows(
            keys=self.keys.take(rows),
            values={name: column.take(rows) for name, column in self.values.items()},
            event=self.event[places],
            created=None if self.created is None else self.created[places],
            texts={name: column.take(rows) for name, column in self.texts.items()},
        )

    def newest(self) -> Rows:
        """Each entity's newest row: by event time, then by created time, then the last one."""
        if len(pc.unique(self.keys)) == len(self.keys):
            return self
        created = np.zeros(len(self), np.int64) if self.created is None else self.created
        codes = self.keys.dictionary_encode().indices.to_numpy()
        order = np.lexsort((np.arange(len(self)), created, self.event, codes))
        last = np.append(codes[order][1:] != codes[order][:-1], True)
        return self.take(np.sort(order[last]))


def rows_of_table(view: FeatureView, table: pa.RecordBatch, *, texts: bool = False) -> Rows:
    """Serialize a batch.

    Args:
        view: the feature view.
        table: its entity columns, its features, its source's timestamp field and, where the source names one, the
            created timestamp; under the names that the view has for them.
        texts: whether values are wanted as text too.

    Raises:
        ValueError: a column is absent, or a join key or an event time is null.
    """
    names = set(table.schema.names)
    needed = [*(item.name for item in (*view.entity_columns, *view.features)), _time_field(view)]
    if absent := [name for name in needed if name not in names]:
        raise ValueError(f"feature view {view.name!r} needs the columns {absent}, the rows have {sorted(names)}")
    event = table.column(_time_field(view))
    if event.null_count:
        raise ValueError(f"feature view {view.name!r}: {event.null_count} rows have no {_time_field(view)}")
    kinds = {item.name: item.dtype.to_value_type() for item in view.entity_columns}
    features = [(item.name, table.column(item.name), item.dtype.to_value_type()) for item in view.features]
    return Rows(
        keys=entity_keys({name: table.column(name) for name in kinds}, kinds),
        values={name: value_bytes(column, kind) for name, column, kind in features},
        event=_microseconds(event),
        created=_created(view, table),
        texts={name: value_texts(column, kind) for name, column, kind in features} if texts else {},
    ).newest()


def rows_of_protos(data: Iterable[FeastRow], version: int) -> Iterator[Rows]:
    """Serialize what Feast hands over; one item for each set of features that its rows have.

    Args:
        data: the rows.
        version: of the entity keys' serialization.
    """
    groups: dict[tuple[str, ...], list[FeastRow]] = {}
    for row in data:
        groups.setdefault(tuple(row[1]), []).append(row)
    for names, rows in groups.items():
        created = [_NEVER if row[3] is None else _since_epoch(row[3]) for row in rows]
        yield Rows(
            keys=pa.array([serialize_entity_key(row[0], version) for row in rows], pa.binary()),
            values={name: pa.array([row[1][name].SerializeToString() for row in rows], pa.binary()) for name in names},
            event=np.array([_since_epoch(row[2]) for row in rows], np.int64),
            created=np.array(created, np.int64),
            texts={name: pa.array([_text(row[1][name]) for row in rows], pa.string()) for name in names},
        ).newest()


def none_created(created: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which rows have no created time."""
    missing: npt.NDArray[np.bool_] = created == _NEVER
    return missing


def _text(value: Value) -> str | None:
    text: str | None = extract_text_and_num(value, compute_num=False)[0]
    return text


def _time_field(view: FeatureView) -> str:
    source: Any = view.batch_source
    if source is None:
        raise ValueError(f"feature view {view.name!r} has no batch source that names its timestamp field")
    return str(source.timestamp_field)


def _created(view: FeatureView, table: pa.RecordBatch) -> npt.NDArray[np.int64] | None:
    source: Any = view.batch_source
    name = source.created_timestamp_column
    return _microseconds(table.column(name)) if name and name in table.schema.names else None


def _microseconds(column: pa.Array) -> npt.NDArray[np.int64]:
    moments = column.to_numpy(zero_copy_only=False).astype("datetime64[us]")
    return np.where(np.isnat(moments), _NEVER, moments.astype(np.int64))


def _since_epoch(moment: datetime) -> int:
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return (aware.astimezone(UTC) - _EPOCH) // _MICROSECOND
