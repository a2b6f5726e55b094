"""The rows that features are wanted for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
from feast import FeatureView
from feast.infra.offline_stores.offline_utils import (
    DEFAULT_ENTITY_DF_EVENT_TIMESTAMP_COL,
    infer_event_timestamp_from_entity_df,
)
from feast.utils import compute_non_entity_date_range

from ai_patterns.core.sessions import Limits, connect
from ai_patterns.feast.point_in_time import Source, Window, latest_rows


@dataclass(frozen=True)
class EntityRows:
    """Rows and the column that holds their time.

    Attributes:
        first: the earliest time, UTC.
        last: the latest one.
    """

    table: pa.Table
    time: str
    first: datetime | None
    last: datetime | None


def entity_rows(
    asked: pd.DataFrame | pa.Table | str | None,
    sources: Sequence[Source],
    views: Sequence[FeatureView],
    limits: Limits,
    dates: Mapping[str, Any],
) -> EntityRows:
    """Bring what Feast was asked for into one form.

    Args:
        asked: a data frame, SQL for DuckDB, or nothing: then every entity that has a value in the range of dates.
        sources: the views' tables.
        views: the views.
        limits: DuckDB's.
        dates: `start_date` and `end_date`, where there is no data frame.

    Raises:
        ValueError: a join key is absent from the rows, or there are no rows and the views have different entities.
    """
    if asked is None:
        return _every_entity(sources, *compute_non_entity_date_range(list(views), **dates), limits)
    if isinstance(asked, str):
        with connect(limits) as connection:
            connection.execute("SET autoinstall_known_extensions = true")  # the user's SQL may name any file
            table = connection.sql(asked).to_arrow_table()
    else:
        table = asked if isinstance(asked, pa.Table) else pa.Table.from_pandas(asked, preserve_index=False)
    schema = dict(zip(table.column_names, table.slice(0, 0).to_pandas().dtypes, strict=True))
    time = infer_event_timestamp_from_entity_df(schema)
    keys = {name for source in sources for name in source.keys.values()}
    if absent := sorted(keys - set(table.column_names)):
        raise ValueError(f"the entity rows have no column {absent}; they have {table.column_names}")
    return EntityRows(table, time, *_bounds(table.column(time)))


def _every_entity(sources: Sequence[Source], start: datetime, end: datetime, limits: Limits) -> EntityRows:
    widest = max((tuple(sorted(source.keys.values())) for source in sources), key=len, default=())
    tables = []
    for source in sources:
        names = source.keys.values()
        if not set(names) <= set(widest):
            raise ValueError(
                f"views with the entities {sorted(names)} and {sorted(widest)} have no rows in common; pass entity_df"
            )
        if len(names) == len(widest):
            rows = latest_rows(source, [(source.data, Window(start, end))], limits).read_all()
            tables.append(pa.table({out: rows.column(column) for column, out in source.keys.items()}).select(widest))
    table = pa.concat_tables(tables).group_by(list(widest)).aggregate([]) if widest else pa.table({"one": [0]})
    table = table.sort_by([(name, "ascending") for name in widest])
    moments = pa.array([end.astimezone(UTC)] * table.num_rows, pa.timestamp("us", "UTC"))
    table = table.append_column(DEFAULT_ENTITY_DF_EVENT_TIMESTAMP_COL, moments)
    table = table.select([*widest, DEFAULT_ENTITY_DF_EVENT_TIMESTAMP_COL])
    return EntityRows(table, DEFAULT_ENTITY_DF_EVENT_TIMESTAMP_COL, start, end)


def _bounds(column: pa.ChunkedArray) -> tuple[datetime | None, datetime | None]:
    moments = pd.to_datetime(column.to_pandas(), utc=True)
    return (None, None) if moments.isna().all() else (moments.min().to_pydatetime(), moments.max().to_pydatetime())
