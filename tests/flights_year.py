"""A year of flights as a drift check sees it: 23 features of the example at an hour before departure, by UTC day."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.lake_reader import DAY
from ai_patterns.core.days import Days
from ai_patterns.engines.rows import cast_table
from ai_patterns.jobs.extraction import load_dimensions, raw_rows
from ai_patterns.jobs.features import build_features
from ai_patterns.jobs.training_set import build_training_set
from ai_patterns.spec.streams import StreamSpec
from ai_patterns.spec.system import SystemSpec

DAYS = Days(dt.date(2013, 1, 1), dt.date(2013, 12, 30))
"""The days on which weather was reported; the last one of the year has none from 18:00 on."""
GROUPS = ("weather_now", "origin_now")
CONGESTION = ("origin_now__departures_1h", "origin_now__late_1h", "origin_now__delay_1h")
_ALL = Days(dt.date(2012, 12, 30), dt.date(2014, 1, 2))


def narrowed(flights: SystemSpec) -> SystemSpec:
    """The example with the features of schedule and weather, and the first of congestion: 3 categorical, 20 numeric."""
    families = {name: flights.model.features[name] for name in ("schedule", "weather")} | {"congestion": CONGESTION}
    model = flights.model.model_copy(update={"features": families})
    groups = {name: flights.groups[name] for name in GROUPS}
    on_demand = {name: flights.on_demand[name] for name in ("local_minute", "weekday", "block_hours")}
    return flights.model_copy(update={"model": model, "groups": groups, "on_demand": on_demand})


def write_events(flights: SystemSpec, lake: Lake) -> SystemSpec:
    """Publish the year's events that the narrowed example reads; rows outside a declared range stay away."""
    system = narrowed(flights)
    load_dimensions(system, lake)
    for name in {system.decision.stream, *(group.stream for group in system.groups.values())}:
        raw, stream = raw_rows(system, name, _ALL), system.streams[name]
        rows = cast_table(raw, stream)
        days = rows[stream.known_time].cast(pa.date32())
        lake.replace_days(f"events/{name}", _declared(rows.append_column(DAY, days), stream), _ALL)
    return system


def features_of_the_year(flights: SystemSpec, lake: Lake) -> pa.Table:
    """Every flight's features as they were known an hour before its departure, with `day`, ordered by it."""
    system = write_events(flights, lake)
    build_features(system, lake, _ALL)
    build_training_set(system, lake, _ALL)
    return lake.read("training_sets", DAYS, [DAY, *system.model.columns]).sort_by(DAY)


def _declared(rows: pa.Table, stream: StreamSpec) -> pa.Table:
    for name, column in stream.columns.items():
        for bound, compare in ((column.min, pc.less), (column.max, pc.greater)):
            if bound is not None:
                rows = rows.filter(pc.invert(pc.fill_null(compare(rows[name], bound), fill_value=False)))
    return rows
