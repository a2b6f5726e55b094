"""Rows come a batch at a time and in their order, whatever holds them."""

import datetime as dt
import threading
import time

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from ai_patterns.core.row_batches import BATCH, batches, in_threads

COUNT = 2 * BATCH + 100
FIRST = dt.date(2024, 1, 1)


@pytest.fixture(scope="module", params=["table", "file", "dataset"])
def rows(request, tmp_path_factory):
    days = pa.array([FIRST + dt.timedelta(days=place % 3) for place in range(COUNT)], pa.date32())
    table = pa.table({"place": pa.array(range(COUNT)), "other": pa.nulls(COUNT), "day": days})
    if request.param == "table":
        return table
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    pq.write_table(table, path, row_group_size=BATCH // 2 + 1)
    return pq.ParquetFile(path) if request.param == "file" else ds.dataset(path)


def test_all_rows_come_once_and_in_order(rows):
    found = list(batches(rows, ["place"]))
    assert [place for batch in found for place in batch["place"].to_pylist()] == list(range(COUNT))
    assert max(len(batch) for batch in found) <= BATCH
    assert {tuple(batch.schema.names) for batch in found} == {("place",)}


def test_rows_from_a_day_on_are_left_out(rows):
    found = [
        place
        for batch in batches(rows, ["place"], before=FIRST + dt.timedelta(days=2))
        for place in batch["place"].to_pylist()
    ]
    assert found == [place for place in range(COUNT) if place % 3 < 2]
    assert list(batches(rows, ["place"], before=FIRST)) == []


@pytest.mark.parametrize("threads", ["1", "3"])
def test_results_keep_their_order_and_little_is_read_ahead(monkeypatch, threads):
    monkeypatch.setenv("AI_PATTERNS_ENGINE_THREADS", threads)
    taken, names = [], set()

    def items():
        for number in range(50):
            taken.append(number)
            yield number

    def work(number):
        names.add(threading.current_thread().name)
        time.sleep(0.002 * (number % 3))
        return number

    for place, number in enumerate(in_threads(work, items())):
        assert number == place
        assert len(taken) <= place + int(threads) + 2
    assert len(names) <= int(threads)


def test_an_error_in_a_thread_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        list(in_threads(lambda number: 1 // number, [1, 0, 1]))
