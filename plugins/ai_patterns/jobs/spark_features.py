"""Batch processing on Spark: the tiles and the value log of every feature group, as `jobs.features` makes them."""

from __future__ import annotations

import base64
import logging
import sys
import zlib
from typing import TYPE_CHECKING

from ai_patterns.clients.lake_reader import DAY
from ai_patterns.core.clock import to_microseconds
from ai_patterns.core.days import Days
from ai_patterns.core.tiles import tiles_sql
from ai_patterns.engines import spark
from ai_patterns.jobs.features import value_log_sql
from ai_patterns.spec.system import SystemSpec

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

log = logging.getLogger(__name__)


def build_features_on_spark(system: SystemSpec, session: SparkSession, lake: str, days: Days) -> None:
    """Build `tiles/<group>` and `values/<group>` for the partitions of `days`, equal to DuckDB's to the bit.

    A second run replaces the same partitions by the same rows.

    Args:
        system: the system's spec.
        session: a session with `engines.spark.SETTINGS` and Delta's jars.
        lake: URI of the system's lake, in reach of driver and executors: `hdfs://...`, or a folder on one machine.
        days: the partitions.
    """
    for name in system.groups:
        _build_group(system, session, lake, days, name)
        log.info("%s is built for %s", name, days)


def _build_group(system: SystemSpec, session: SparkSession, lake: str, days: Days, name: str) -> None:
    group = system.groups[name]
    stream = system.streams[group.stream]
    events, tiles = _read(session, f"{lake}/events/{group.stream}"), f"{lake}/tiles/{name}"
    within = f"{DAY} >= DATE '{days.first}' AND {DAY} <= DATE '{days.last}'"
    _replace(spark.run(session, tiles_sql(group, stream), {"events": events.where(within)}), tiles, within)
    horizon = days.start - group.max_window - group.hop
    known = f"{DAY} <= DATE '{days.last}'"
    relations = {
        "events": events.where(f"{known} AND {stream.event_time} > TIMESTAMP '{horizon.isoformat()}'"),
        "tiles": _read(session, tiles).where(f"{known} AND tile_end > {to_microseconds(horizon)}"),
    }
    values = spark.run(session, value_log_sql(group, stream, days), relations)
    _replace(values, f"{lake}/values/{name}", within)


def _read(session: SparkSession, path: str) -> DataFrame:
    return session.read.format("delta").load(path)


def _replace(rows: DataFrame, path: str, within: str) -> None:
    """Replace the partitions in one commit."""
    writer = rows.write.format("delta").mode("overwrite").option("replaceWhere", within)
    writer.partitionBy(DAY).save(path)


def pack(system: SystemSpec) -> str:
    """A spec as one argument of a job: YARN takes pairs of braces, which JSON is full of, for variables."""
    return base64.urlsafe_b64encode(zlib.compress(system.model_dump_json().encode())).decode()


def unpack(packed: str) -> SystemSpec:
    """The spec that `pack` packed."""
    return SystemSpec.model_validate_json(zlib.decompress(base64.urlsafe_b64decode(packed)))


def main() -> None:
    """The job's driver: the packed spec of the system, the system's lake and the days are its arguments."""
    from pyspark.sql import SparkSession

    spec, lake, days = sys.argv[1:]
    session = SparkSession.builder.getOrCreate()
    try:
        build_features_on_spark(unpack(spec), session, lake, Days.parse(days))
    finally:
        session.stop()
