"""Online features for a batch of decisions, read through Feast's own `get_online_features`."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.clients.feast import CONN_ID, open_store
from ai_patterns.clients.feast_repository import feature_types, key_columns, service_name, view_names
from ai_patterns.core.arrow_types import ARROW_TYPES
from ai_patterns.core.clock import reading_at
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.spec.features import column_name
from ai_patterns.spec.streams import ColumnType
from ai_patterns.spec.system import SystemSpec

if TYPE_CHECKING:
    from feast.online_response import OnlineResponse


@dataclass(frozen=True)
class OnlineFeatures:
    """What the online store answered.

    Attributes:
        table: the `group__feature` columns of every group and lookup, one row for each request row.
        missing: group -> for each row whether its entity is unknown there. A known entity whose value is
            null is not missing: null is what the window holds.
    """

    table: pa.Table
    missing: Mapping[str, list[bool]]


class OnlineFeatureReader:
    """Reads a system's features from the Feast repository in `folder`; safe to share between threads."""

    def __init__(self, system: SystemSpec, folder: Path | str) -> None:
        self._system, self._folder = system, Path(folder)
        self._keys = key_columns(system)
        self._lock = threading.Lock()
        self._open: tuple[Any, Any] | None = None

    def read(self, rows: pa.Table, at: Sequence[dt.datetime] | None = None) -> OnlineFeatures:
        """Look up every feature of every row.

        An unknown entity, or a null key, takes the defaults that the spec declares, else null.

        Args:
            rows: at least the entity columns of the decisions.
            at: the instant (UTC) as of which each row is read, where the store keeps tiles; by default now.

        Raises:
            ServiceUnavailableError: the repository was not applied or its store cannot be read.
        """
        if rows.num_rows == 0 or not view_names(self._system):
            return self._collect(rows, {}, {})
        if at is not None and len(set(at)) > 1:
            return self._read_apart(rows, at)
        with self._lock, reading_at(at[0]) if at else contextlib.nullcontext():
            values, found = self._ask(rows)
        return self._collect(rows, values, found)

    def _read_apart(self, rows: pa.Table, at: Sequence[dt.datetime]) -> OnlineFeatures:
        """Read the rows of each instant together, and put them back in order."""
        places: dict[dt.datetime, list[int]] = {}
        for row, instant in enumerate(at):
            places.setdefault(instant, []).append(row)
        parts = [self.read(rows.take(pa.array(of)), [instant]) for instant, of in places.items()]
        order = [row for of in places.values() for row in of]
        back = pa.array(sorted(range(len(order)), key=order.__getitem__))
        missing = {
            view: pa.chunked_array([part.missing[view] for part in parts]).take(back).to_pylist()
            for view in parts[0].missing
        }
        return OnlineFeatures(pa.concat_tables([part.table for part in parts]).take(back), missing)

    def check(self) -> None:
        """Raise `ServiceUnavailableError` unless the store can be read."""
        with self._lock:
            self._store()

    def _store(self) -> tuple[Any, Any]:
        if self._open is None:
            store = open_store(self._folder)
            try:
                self._open = store, store.get_feature_service(service_name(self._system))
            except Exception as error:
                raise _unavailable(error) from error
        return self._open

    def _ask(self, rows: pa.Table) -> tuple[dict[str, list[Any]], dict[str, list[bool]]]:
        store, service = self._store()
        entities = {name: self._key_values(rows, name) for name in self._keys} or {"no_key": [0] * rows.num_rows}
        try:
            response = store.get_online_features(features=service, entity_rows=entities, full_feature_names=True)
        except Exception as error:
            self._open = None
            raise _unavailable(error) from error
        return response.to_dict(), _found(response)

    def _key_values(self, rows: pa.Table, name: str) -> list[Any]:
        # Feast cannot look up a null; what it answers for the stand-in is not used.
        stand_in = "" if self._keys[name].type == "string" else 0
        return list(pc.fill_null(rows.column(name), stand_in).to_pylist())

    def _collect(
        self, rows: pa.Table, values: Mapping[str, list[Any]], found: Mapping[str, list[bool]]
    ) -> OnlineFeatures:
        columns: dict[str, pa.Array] = {}
        missing: dict[str, list[bool]] = {}
        defaults = self._system.feature_defaults
        for view in view_names(self._system):
            kinds = feature_types(self._system, view)
            names = {feature: column_name(view, feature) for feature in kinds}
            unknown = self._unknown(rows, view, [found.get(name, []) for name in names.values()])
            missing[view] = unknown
            for feature, name in names.items():
                default = defaults.get(name)
                filled = [default if lost else value for value, lost in zip(values.get(name, []), unknown, strict=True)]
                columns[name] = _array(filled, kinds[feature])
        return OnlineFeatures(pa.table(columns), missing)

    def _unknown(self, rows: pa.Table, view: str, found: list[list[bool]]) -> list[bool]:
        keys = [rows.column(key).to_pylist() for key in self._system.key_of(view)]
        return [
            any(key[row] is None for key in keys) or not any(feature[row] for feature in found)
            for row in range(rows.num_rows)
        ]


def _array(values: list[Any], kind: ColumnType) -> pa.Array:
    if kind == "timestamp":  # stored as integers, see the repository's docstring
        return pa.array(values, pa.int64()).cast(ARROW_TYPES[kind])
    return pa.array(values, ARROW_TYPES[kind])


def _found(response: OnlineResponse) -> dict[str, list[bool]]:
    from feast.protos.feast.serving.ServingService_pb2 import FieldStatus

    names = response.proto.metadata.feature_names.val
    return {
        name: [status in (FieldStatus.PRESENT, FieldStatus.NULL_VALUE) for status in result.statuses]
        for name, result in zip(names, response.proto.results, strict=True)
    }


def _unavailable(error: Exception) -> ServiceUnavailableError:
    return ServiceUnavailableError(f"the online feature store cannot be read: {error}", conn_id=CONN_ID)
