"""The cluster engine: Spark SQL over Delta tables, from the same text that DuckDB runs.

Both engines know the same words for nearly all that tiles and value logs need. The rest is two functions that Spark is
taught, and two forms of a struct that are written in Spark's way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SETTINGS: Mapping[str, str] = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.timestampType": "TIMESTAMP_LTZ",
    "spark.ui.showConsoleProgress": "false",
    # The other readers of the lake know no deletion vectors.
    "spark.databricks.delta.properties.defaults.enableDeletionVectors": "false",
    "spark.databricks.delta.snapshotPartitions": "2",
}
"""What a session must be told for tiles that equal DuckDB's, and for tables that every reader of the lake reads."""

_FUNCTIONS = (
    "epoch_us(t TIMESTAMP) RETURNS BIGINT RETURN unix_micros(t)",
    "make_timestamptz(us BIGINT) RETURNS TIMESTAMP RETURN timestamp_micros(us)",
)


def to_spark(sql: str) -> str:
    """A query of DuckDB's in Spark's words.

    >>> to_spark("SELECT struct_pack(o0 := a, v0 := b) AS s, struct_extract(s, 'o0') FROM t")
    "SELECT named_struct('o0', a, 'v0', b) AS s, s.o0 FROM t"
    """
    sql = re.sub(r"\bstruct_extract\((\w+), '(\w+)'\)", r"\1.\2", sql)
    return re.sub(r"\b(\w+) := ", r"'\1', ", sql.replace("struct_pack(", "named_struct("))


def run(session: SparkSession, sql: str, relations: Mapping[str, DataFrame]) -> DataFrame:
    """Run one query over data frames and return its result, which is computed when it is asked for.

    Args:
        session: a session with `SETTINGS`.
        sql: the query, in DuckDB's words; it names the relations.
        relations: data frames by name.
    """
    for function in _FUNCTIONS:
        session.sql(f"CREATE OR REPLACE TEMPORARY FUNCTION {function}")
    for name, relation in relations.items():
        relation.createOrReplaceTempView(name)
    return session.sql(to_spark(sql))
