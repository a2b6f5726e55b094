"""Bugs of the serving side: each computes features in a way that is a little wrong, on the real path."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ai_patterns.clients.lake import Lake
from ai_patterns.core.parity import Cause
from ai_patterns.core.point_in_time import point_in_time_sql
from ai_patterns.core.tiles import tiles_sql
from ai_patterns.core.values import values_sql
from ai_patterns.core.vectors import add_on_demand
from ai_patterns.engines import duckdb
from ai_patterns.jobs.training_set import feature_relations
from ai_patterns.spec.features import GroupSpec
from ai_patterns.spec.streams import StreamSpec
from ai_patterns.spec.system import SystemSpec

HOUR = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Site:
    """The flights with their lake, and the decisions that are served."""

    system: SystemSpec
    lake: Lake
    decisions: pa.Table

    def rows(self, *, instead: dict[str, object] | None = None, stored: str = "", **changes: object) -> pa.Table:
        """Inputs and features of the decisions, by the service's path with changes.

        Args:
            instead: relations in place of the lake's.
            stored: `REPLACE` clause over the stored features, before the on-demand ones are computed.
            changes: fields of the spec.
        """
        system = self.system.model_copy(update=changes)
        relations = feature_relations(self.system, self.lake) | {"decisions": self.decisions} | (instead or {})
        table = duckdb.run(point_in_time_sql(system), relations)
        if stored:
            table = duckdb.run(f"SELECT * REPLACE ({stored}) FROM stored", {"stored": table})
        return add_on_demand(system, table)

    def with_on_demand(self, **expressions: str) -> pa.Table:
        """The features with other expressions."""
        return self.rows(on_demand=self.system.on_demand | expressions)

    def log_of(
        self, name: str, events: str = "SELECT * FROM events", stream: StreamSpec | None = None, **changes: object
    ) -> pa.Table:
        """A group's value log, built with another spec or from other events."""
        group = self.system.groups[name].model_copy(update=changes)
        stream = stream or self.system.streams[group.stream]
        rows = duckdb.run(events, {"events": self.lake.dataset(f"events/{group.stream}")})
        return build_log(group, stream, rows)

    def stale(self, name: str, before: dt.timedelta, where: str = "true") -> pa.Table:
        """The features, a group's as it was earlier for some entities, as from a cache that was not refreshed."""
        moved = self.log_of_lake(name, f"SELECT * REPLACE (valid_from + {_interval(before)} AS valid_from) FROM log")
        both = duckdb.run(
            f"SELECT * FROM moved WHERE {where} UNION ALL SELECT * FROM log WHERE NOT ({where})",
            {"moved": moved, "log": self.lake.dataset(f"values/{name}")},
        )
        return self.rows(instead={f"values_{name}": both})

    def log_of_lake(self, name: str, sql: str) -> pa.Table:
        """The lake's value log of a group through a query over `log`."""
        return duckdb.run(sql, {"log": self.lake.dataset(f"values/{name}")})


def build_log(group: GroupSpec, stream: StreamSpec, events: pa.Table) -> pa.Table:
    """A value log of these events alone."""
    tiles = duckdb.run(tiles_sql(group, stream), {"events": events})
    sql = f"SELECT * REPLACE (make_timestamptz(valid_from) AS valid_from) FROM ({values_sql(group, stream)})"
    return duckdb.run(sql, {"events": events, "tiles": tiles})


@dataclass(frozen=True)
class Bug:
    """A seeded bug.

    Attributes:
        serve: the rows as the service then logs them.
        features: the features that it may change; empty: any.
        cause: the class that it must get.
    """

    serve: Callable[[Site], pa.Table]
    features: set[str]
    cause: Cause


def group(name: str, *features: str) -> set[str]:
    """Column names of a group's features."""
    return {f"{name}__{feature}" for feature in features}


WEATHER = group(
    "weather_now", "temp_6h", "dewp_6h", "humid_6h", "wind_dir_6h", "wind_speed_6h", "precip_6h", "rain_6h",
    "pressure_6h", "visib_6h", "haze_6h",
)  # fmt: skip
CARRIER = group("carrier_now", "late_1h", "late_3h", "delay_1h", "delay_3h") | {"carrier_backlog"}
LANDED = group("origin_landed", "late_1h", "delay_1h", "delay_3h")


def short_window(site: Site) -> pa.Table:
    """The hour is 55 minutes long: `<` where `<=` was meant, at the window's far edge."""
    aggregations = {"short": {"function": "count", "windows": ["55m"]}}
    log = site.log_of("origin_now", aggregations=_parsed(aggregations))
    right = site.lake.dataset("values/origin_now")
    both = duckdb.run(
        "SELECT r.* REPLACE (coalesce(s.short_55m, 0) AS departures_1h) FROM right_log r ASOF LEFT JOIN short s "
        "ON r.origin = s.origin AND r.valid_from >= s.valid_from "
        "UNION ALL BY NAME SELECT r.* REPLACE (s.short_55m AS departures_1h, s.valid_from AS valid_from) FROM short s "
        "ASOF JOIN right_log r ON r.origin = s.origin AND s.valid_from >= r.valid_from",
        {"right_log": right, "short": log},
    )
    return site.rows(instead={"values_origin_now": both})


def wrong_hop(site: Site) -> pa.Table:
    return site.rows(instead={"values_origin_landed": site.log_of("origin_landed", hop=dt.timedelta(minutes=20))})


def float_sum(site: Site) -> pa.Table:
    """Rain added up in floating point, newest first, without the scale."""
    sql = """
SELECT d.flight_id, sum(w.precip ORDER BY w.observed_at DESC) AS rain FROM decisions d JOIN weather w
ON w.origin = d.origin AND w.reported_at <= d.decided_at
AND w.observed_at > time_bucket(INTERVAL 1 HOUR, d.decided_at - INTERVAL 6 HOUR) GROUP BY d.flight_id"""
    rain = duckdb.run(sql, {"decisions": site.decisions, "weather": site.lake.dataset("events/weather")})
    return duckdb.run(
        "SELECT t.* REPLACE (rain AS weather_now__rain_6h) FROM t LEFT JOIN rain USING (flight_id)",
        {"t": site.rows(), "rain": rain},
    )


def one_precision(site: Site) -> pa.Table:
    columns = ("dest_landed__late_3h", "dest_landed__delay_3h")
    return site.rows(stored=", ".join(f"CAST(CAST({name} AS FLOAT) AS DOUBLE) AS {name}" for name in columns))


def drops_late(site: Site) -> pa.Table:
    """A watermark of one hour: reports that come later are lost."""
    in_time = "SELECT * FROM events WHERE reported_at - observed_at <= INTERVAL 1 HOUR"
    return site.rows(instead={"values_weather_now": site.log_of("weather_now", in_time)})


def forgotten_store(site: Site) -> pa.Table:
    """The store was filled at midnight and not since."""
    midnight = pc.floor_temporal(site.decisions["decided_at"], unit="day")
    at = site.decisions.column_names.index("decided_at")
    old = Site(site.system, site.lake, site.decisions.set_column(at, "decided_at", midnight)).rows()
    return duckdb.run(
        "SELECT old.* REPLACE (d.decided_at AS decided_at) FROM old JOIN d USING (flight_id)",
        {"old": old, "d": site.decisions},
    )


def other_airport(site: Site) -> pa.Table:
    """The weather is joined by the wrong key: the next airport's."""
    swap = "CASE origin WHEN 'EWR' THEN 'JFK' WHEN 'JFK' THEN 'LGA' ELSE 'EWR' END"
    return site.rows(
        instead={"values_weather_now": site.log_of_lake("weather_now", f"SELECT * REPLACE ({swap} AS origin) FROM log")}
    )


def wrong_tie(site: Site) -> pa.Table:
    """Of two reports of one instant, the first is taken instead of the corrected one."""
    first = (
        "SELECT * FROM events QUALIFY row_number() OVER "
        "(PARTITION BY origin, observed_at, reported_at ORDER BY observation_id) = 1"
    )
    return site.rows(instead={"values_weather_now": site.log_of("weather_now", first)})


def known_at_once(site: Site) -> pa.Table:
    """The weather of an hour is used from the hour on, 52 minutes before its report."""
    stream = site.system.streams["weather"].model_copy(update={"known_time": "observed_at"})
    return site.rows(instead={"values_weather_now": site.log_of("weather_now", stream=stream)})


def at_departure(site: Site) -> pa.Table:
    """Landings are looked up at the departure instead of an hour before."""
    return site.stale("origin_landed", -HOUR)


def wrong_denominator(site: Site) -> pa.Table:
    """Late departures of an hour over all departures of three."""
    log = site.log_of_lake(
        "everywhere_now", "SELECT * REPLACE (late_1h * departures_1h / departures_3h AS late_1h) FROM log"
    )
    return site.rows(instead={"values_everywhere_now": log})


def lower_case(site: Site) -> pa.Table:
    return duckdb.run("SELECT * REPLACE (lower(carrier) AS carrier) FROM t", {"t": site.rows()})


def padded(site: Site) -> pa.Table:
    return duckdb.run("SELECT * REPLACE (dest || ' ' AS dest) FROM t", {"t": site.rows()})


def as_text(site: Site) -> pa.Table:
    return duckdb.run("SELECT * REPLACE (CAST(plane__seats AS VARCHAR) AS plane__seats) FROM t", {"t": site.rows()})


def seconds(site: Site) -> pa.Table:
    """The store holds seconds, the service reads microseconds."""
    landed = "make_timestamptz(epoch_us(plane_in__landed_1d) // 1000000) AS plane_in__landed_1d"
    return site.rows(stored=landed)


def local_clock(site: Site) -> pa.Table:
    """The client sends New York's wall clock as if it were UTC."""
    local = "timezone('UTC', timezone('America/New_York', scheduled_departure)) AS scheduled_departure"
    moved = duckdb.run(f"SELECT * REPLACE ({local}) FROM d", {"d": site.decisions})
    return Site(site.system, site.lake, moved).rows()


BUGS: dict[str, Bug] = {
    "window off by one hop": Bug(short_window, {"origin_now__departures_1h", "origin_backlog_1h"}, "code"),
    "hop of 20 minutes": Bug(wrong_hop, LANDED, "code"),
    "local time read as UTC": Bug(
        lambda site: site.with_on_demand(local_minute="minute_of_day(scheduled_departure, 'UTC')"),
        {"local_minute", "block_hours"},
        "time_zone",
    ),
    "winter time after the clocks changed": Bug(
        lambda site: site.with_on_demand(local_minute="minute_of_day(scheduled_departure, '-05:00')"),
        {"local_minute", "block_hours"},
        "time_zone",
    ),
    "wall clock sent as UTC": Bug(local_clock, {"scheduled_departure"}, "time_zone"),
    "floats added in another order": Bug(float_sum, {"weather_now__rain_6h"}, "code"),
    "cast to float32": Bug(one_precision, {"dest_landed__late_3h", "dest_landed__delay_3h"}, "type"),
    "late reports dropped": Bug(drops_late, WEATHER, "late_event"),
    "store never refreshed": Bug(forgotten_store, set(), "stale_store"),
    "cache of some entities": Bug(
        lambda site: site.stale("carrier_now", 2 * HOUR, "origin = 'JFK'"), CARRIER, "stale_store"
    ),
    "wrong default": Bug(
        lambda site: site.rows(defaults=site.system.defaults | {"plane_out__legs_1d": -1.0}),
        {"plane_out__legs_1d"},
        "missing",
    ),
    "null instead of 0": Bug(
        lambda site: site.rows(stored="nullif(dest_left__departures_3h, 0) AS dest_left__departures_3h"),
        {"dest_backlog"},
        "missing",
    ),
    "0 instead of null": Bug(
        lambda site: site.rows(stored="coalesce(plane_in__delay_1d, 0) AS plane_in__delay_1d"),
        {"plane_in__delay_1d"},
        "missing",
    ),
    "wrong entity": Bug(other_airport, WEATHER, "code"),
    "features swapped": Bug(
        lambda site: site.rows(
            stored="origin_now__late_3h AS origin_now__late_1h, origin_now__late_1h AS origin_now__late_3h"
        ),
        group("origin_now", "late_1h", "late_3h"),
        "code",
    ),
    "Celsius instead of Fahrenheit": Bug(
        lambda site: site.rows(stored="(weather_now__temp_6h - 32) / 1.8 AS weather_now__temp_6h"),
        {"weather_now__temp_6h"},
        "code",
    ),
    "weather used before its report": Bug(known_at_once, WEATHER, "known_time_leak"),
    "landings of the hour after": Bug(at_departure, LANDED, "known_time_leak"),
    "rate over the wrong count": Bug(wrong_denominator, {"everywhere_now__late_1h"}, "code"),
    "tie broken the wrong way": Bug(wrong_tie, {"weather_now__temp_6h"}, "code"),
    "carrier in lower case": Bug(lower_case, {"carrier"}, "type"),
    "destination with a blank": Bug(padded, {"dest"}, "type"),
    "number as text": Bug(as_text, {"plane__seats"}, "type"),
    "seconds instead of microseconds": Bug(seconds, {"since_landed"}, "type"),
    "difference the wrong way round": Bug(
        lambda site: site.with_on_demand(dest_late="everywhere__late_60d - dest_history__late_60d"),
        {"dest_late"},
        "code",
    ),
    "operations in another order": Bug(
        lambda site: site.with_on_demand(block_hours="(arrival_hour * 60 - local_minute) / 60 % 24"),
        {"block_hours"},
        "code",
    ),
}


def _parsed(aggregations: dict[str, object]) -> object:
    spec = {"stream": "departed", "hop": "5m", "aggregations": aggregations}
    return GroupSpec.model_validate(spec).aggregations


def _interval(duration: dt.timedelta) -> str:
    return f"to_seconds({int(duration.total_seconds())})"
