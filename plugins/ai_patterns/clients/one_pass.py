"""Expectations about a table, evaluated together in one query."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from ai_patterns.core.expectation_frame import FRAME, ROW, frame_sql, kinds_of
from ai_patterns.core.expectation_sql import to_query
from ai_patterns.core.expectations import Configuration, Outcome
from ai_patterns.core.sessions import session


def evaluate_in_one_pass(rows: pa.Table, expectations: Sequence[Configuration]) -> dict[int, Outcome]:
    """Evaluate what SQL can say exactly.

    Args:
        rows: the table.
        expectations: what is expected of it.

    Returns:
        The outcome by the expectation's number, counted from 0; those that Great Expectations must judge are left out.
    """
    kinds = kinds_of(rows)
    translated = {number: to_query(each, kinds) for number, each in enumerate(expectations)}
    queries = {number: query for number, query in translated.items() if query is not None}
    select = list(dict.fromkeys(each for query in queries.values() for each in query.select))  # each but once
    found = dict(zip(select, _answers(rows.select(list(kinds)), select), strict=True))
    return {
        number: query.read(rows.num_rows, [found[each] for each in query.select]) for number, query in queries.items()
    }


def _answers(rows: pa.Table, select: Sequence[str]) -> Sequence[object]:
    if not select:
        return ()
    numbers = pa.array(np.arange(rows.num_rows))
    frame = frame_sql(kinds_of(rows), "rows")
    with session() as connection:
        connection.register("rows", rows.append_column(ROW.strip('"'), numbers))
        # A frame that is kept would be a copy of the table.
        sql = f"WITH {FRAME} AS NOT MATERIALIZED ({frame}) SELECT {', '.join(select)} FROM {FRAME}"  # noqa: S608
        return connection.execute(sql).fetchone() or ()
