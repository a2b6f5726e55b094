"""Feature vectors as the service logged them, and the decision inputs that they hold."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.dataset as ds

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.core.arrow_types import ARROW_TYPES
from ai_patterns.core.cells import ABSENT, Array, to_cells
from ai_patterns.core.days import Days
from ai_patterns.core.parity import Vectors
from ai_patterns.core.predictions import TABLE, Mode, json_value
from ai_patterns.jobs.whole_table import query
from ai_patterns.spec.streams import ColumnType
from ai_patterns.spec.system import SystemSpec


@dataclass(frozen=True)
class ServedVectors:
    """Online predictions of some days.

    Attributes:
        predictions: `prediction_id`, the decision's key, `decided_at`, `served_at`, `day`.
        logged: the vectors, parsed from JSON.
        rows: the logged inputs in their declared types, `decided_at` and `served_at`.
    """

    predictions: pa.Table
    logged: tuple[dict[str, object], ...]
    rows: pa.Table

    def cells(self, names: Sequence[str]) -> Vectors:
        """The logged features."""
        return {name: to_cells([vector.get(name, ABSENT) for vector in self.logged]) for name in names}

    def without(self, days: set[dt.date]) -> ServedVectors:
        """The vectors that were not decided on `days`."""
        there = [row for row, day in enumerate(self.predictions[DAY].to_pylist()) if day not in days]
        kept, logged = pa.array(there, pa.int64()), tuple(self.logged[row] for row in there)
        return ServedVectors(self.predictions.take(kept), logged, self.rows.take(kept))

    def reread(self, name: str, truth: Sequence[object], where: Array) -> ServedVectors:
        """The same with the true value of an input in its row, where the log has it in another representation."""
        column = self.rows[name]
        values = [true if there else value for true, there, value in zip(truth, where, column.to_pylist(), strict=True)]
        at = self.rows.column_names.index(name)
        return replace(self, rows=self.rows.set_column(at, name, pa.array(values, column.type)))


@dataclass(frozen=True)
class Place:
    """Where a prediction lies.

    Attributes:
        prediction_id: its id.
        days: its day.
        mode: how it was made.
    """

    prediction_id: str
    days: Days
    mode: Mode

    def read(self, lake: Lake, columns: Sequence[str]) -> pa.Table:
        """These columns of it alone; every file of predictions has them."""
        sql = f"SELECT {', '.join(columns)} FROM stored WHERE prediction_id = $id"
        files = f"{DAY} = '{self.days.first}' AND mode = '{self.mode}'"
        return query(lake, TABLE, sql, parameters={"id": self.prediction_id}, files=files)


def find_prediction(lake: Lake, prediction_id: str) -> Place:
    """Where a prediction lies; the ids alone are searched.

    Raises:
        LookupError: there is no such prediction.
    """
    sql = f"SELECT {DAY}, mode FROM stored WHERE prediction_id = $id"
    found = query(lake, TABLE, sql, parameters={"id": prediction_id}) if lake.exists(TABLE) else None
    if not found:
        raise LookupError(f"{lake.system!r} has no prediction {prediction_id!r}")
    day = found[DAY][0].as_py()
    return Place(prediction_id, Days(day, day), found["mode"][0].as_py())


def read_served(system: SystemSpec, lake: Lake, days: Days) -> ServedVectors:
    """The online predictions decided on `days`; none where there is no such table."""
    if not lake.exists(TABLE):
        none = pa.table({name: pa.array([], pa.string()) for name in _columns(system)})
        return ServedVectors(none, (), none)
    online = ds.field("mode") == "online"
    return _served(system, lake.dataset(TABLE, days).to_table(columns=_columns(system), filter=online))


def read_vector(system: SystemSpec, lake: Lake, place: Place) -> ServedVectors:
    """One prediction."""
    return _served(system, place.read(lake, _columns(system)))


def _served(system: SystemSpec, table: pa.Table) -> ServedVectors:
    table = table.sort_by([("served_at", "ascending"), ("prediction_id", "ascending")])
    logged = tuple(_object(text) for text in table["features"].to_pylist())
    return ServedVectors(table.drop_columns(["features"]), logged, _rows(system, table, logged))


def _columns(system: SystemSpec) -> list[str]:
    return ["prediction_id", *system.decision_stream.key, "decided_at", "served_at", "features", DAY]


def true_inputs(system: SystemSpec, lake: Lake, served: ServedVectors) -> list[dict[str, object] | None]:
    """The inputs as the decision's stream had them by `decided_at`, newest first known; None where it had none."""
    stream, key = system.decision_stream, system.decision_stream.key
    inputs = [name for name in system.decision.inputs if name not in key]
    asked = served.predictions.append_column("number", pa.array(range(served.predictions.num_rows), pa.int64()))
    packed = ", ".join(f'"{name}" := e.{name}' for name in [*key, *inputs])
    sql = f"""
SELECT a.number, struct_pack({packed}) AS inputs
FROM asked a JOIN stored e ON {" AND ".join(f"a.{name} = e.{name}" for name in key)}
WHERE e.{stream.known_time} <= a.decided_at
QUALIFY row_number() OVER (PARTITION BY a.number ORDER BY e.{stream.known_time} DESC, e.{stream.event_time} DESC) = 1"""
    found = query(lake, f"events/{system.decision.stream}", sql.lstrip(), {"asked": asked})
    by_row = dict(zip(found["number"].to_pylist(), found["inputs"].to_pylist(), strict=True))
    return [by_row.get(number) for number in range(asked.num_rows)]


def _object(text: str | None) -> dict[str, object]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _rows(system: SystemSpec, table: pa.Table, logged: Sequence[dict[str, object]]) -> pa.Table:
    types = system.decision_stream.columns
    columns = {
        name: table[name]
        if name in system.decision_stream.key
        else _typed([vector.get(name) for vector in logged], types[name].type)
        for name in system.decision.inputs
    }
    return pa.table({**columns, "decided_at": table["decided_at"], "served_at": table["served_at"]})


def _typed(values: list[object], kind: ColumnType) -> pa.Array:
    """The values in their declared type; null where one does not fit, which its own cell then tells."""
    return pa.array([_read(value, kind) for value in values], ARROW_TYPES[kind])


def _read(value: object, kind: ColumnType) -> object:
    try:
        if kind == "timestamp":
            instant = dt.datetime.fromisoformat(str(value))
            return instant if instant.tzinfo else instant.replace(tzinfo=dt.UTC)
        return pa.scalar(value, ARROW_TYPES[kind]).as_py() if json_value(value) is not None else None
    except (ValueError, TypeError, pa.ArrowException):
        return None
