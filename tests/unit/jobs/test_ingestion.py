import datetime as dt
import json
from pathlib import Path

import pyarrow as pa
import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.staging import Staging
from ai_patterns.core.days import Days
from ai_patterns.errors import DataQualityError, ServiceUnavailableError
from ai_patterns.jobs.ingestion import AuditReport, audit, extract, ingest, load_dimensions, publish, readmit
from ai_patterns.spec.system import SystemSpec
from shop import HEADER, order, orders, shop

DAY = Days.parse("2024-01-01")
WEEK = Days.parse("2024-01-01/2024-01-07")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), "shop")


def events(lake: Lake) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = (
        lake.read("events/orders").sort_by([("day", "ascending"), ("id", "ascending")]).to_pylist()
    )
    return rows


def quarantined(lake: Lake) -> list[tuple[str, str, str]]:
    rows = lake.read("quarantine/orders").to_pylist()
    return sorted((row["key"], row["column"], row["reason"]) for row in rows)


def fail(system: SystemSpec, lake: Lake, days: Days = DAY) -> DataQualityError:
    with pytest.raises(DataQualityError) as caught:
        ingest(system, lake, days, run_id="run")
    assert not lake.exists("events/orders")
    assert not lake.exists("quarantine/orders")
    return caught.value


def test_good_rows_are_published_with_their_types_and_day(tmp_path: Path, lake: Lake) -> None:
    report = ingest(shop(tmp_path, orders(3)), lake, DAY, run_id="run")
    assert report.published == {"orders": 3}
    assert report.dimensions == {"shops": 1}
    table = lake.read("events/orders")
    assert table.schema.field("known").type == pa.timestamp("us", tz="UTC")
    assert table.schema.field("pieces").type == pa.int64()
    assert set(table["day"].to_pylist()) == {dt.date(2024, 1, 1)}


def test_a_second_run_changes_nothing(tmp_path: Path, lake: Lake) -> None:
    system = shop(tmp_path, orders(8))
    ingest(system, lake, DAY, run_id="one")
    before = lake.read("events/orders")
    ingest(system, lake, DAY, run_id="two")
    assert lake.read("events/orders").equals(before)


def test_the_order_of_the_raw_rows_does_not_matter(tmp_path: Path, lake: Lake) -> None:
    ingest(shop(tmp_path, orders(8)), lake, DAY, run_id="one")
    before = lake.read("events/orders")
    ingest(shop(tmp_path, orders(8)[::-1]), lake, DAY, run_id="two")
    assert lake.read("events/orders").equals(before)


def test_day_by_day_equals_all_at_once(tmp_path: Path, lake: Lake) -> None:
    lines = [line for day in WEEK for line in [*orders(9, str(day)), order(9, str(day), price=-1)]]
    system = shop(tmp_path, lines)
    daily = Lake(str(tmp_path / "daily"), "shop")
    ingest(system, lake, WEEK, run_id="week")
    for day in WEEK:
        ingest(system, daily, Days(day, day), run_id=f"day-{day}")
    assert events(lake) == events(daily)
    assert quarantined(lake) == quarantined(daily)
    verdicts = [
        sorted((row["day"], row["check"], row["subject"], row["value"]) for row in item.read("checks").to_pylist())
        for item in (lake, daily)
    ]
    assert verdicts[0] == verdicts[1]


@pytest.mark.parametrize(
    ("fields", "column", "reason"),
    [
        ({"price": "cheap"}, "price", "wrong type"),
        ({"pieces": 1.5}, "pieces", "wrong type"),
        ({"price": "cheap", "pieces": "few"}, "price, pieces", "wrong type"),
        ({"price": ""}, "price", "no value"),
        ({"price": 1001.5}, "price", "outside 0 to 1000"),
        ({"shop": "east"}, "shop", "not one of north, south"),
        ({"placed": "yesterday"}, "placed", "wrong type"),
        ({"known": ""}, "known", "no value"),
    ],
)
def test_a_bad_row_is_quarantined_with_its_reason_and_raw_bytes(
    tmp_path: Path, lake: Lake, fields: dict[str, object], column: str, reason: str
) -> None:
    ingest(shop(tmp_path, [*orders(9), order(9, **fields)]), lake, DAY, run_id="run")
    assert quarantined(lake) == [("o009", column, reason)]
    assert len(events(lake)) == 9
    raw = json.loads(lake.read("quarantine/orders")["raw"][0].as_py())
    for name, value in fields.items():
        assert str(raw[name] if raw[name] is not None else "") == str(value)


def test_of_duplicate_keys_the_first_known_stays(tmp_path: Path, lake: Lake) -> None:
    late = order(1, known="2024-01-01T20:00:00Z", price=1)
    ingest(shop(tmp_path, [late, *orders(9)]), lake, DAY, run_id="run")
    assert quarantined(lake) == [("o001", "id", "duplicate key")]
    assert [row["price"] for row in events(lake) if row["id"] == "o001"] == [10.5]


@pytest.mark.parametrize("step", [1, -1])
def test_of_duplicates_known_at_once_the_least_stays_in_whatever_order_they_came(
    tmp_path: Path, lake: Lake, step: int
) -> None:
    lines = [order(1, price=3), order(1, price=2, rating=5), order(1, price=2, rating=4), *orders(20)[2:]]
    ingest(shop(tmp_path, lines[::step]), lake, DAY, run_id="run")
    assert quarantined(lake) == [("o001", "id", "duplicate key")] * 2
    assert [(row["price"], row["rating"]) for row in events(lake) if row["id"] == "o001"] == [(2.0, 4.0)]


def test_too_many_duplicates_fail_the_day(tmp_path: Path, lake: Lake) -> None:
    error = fail(shop(tmp_path, [*orders(4), *orders(4)]), lake)
    assert "quarantine_share of orders on 2024-01-01 is 0.5, bound 0.2 (4 rows)" in str(error)


def test_a_missing_column_is_named(tmp_path: Path, lake: Lake) -> None:
    system = shop(
        tmp_path, ["a,2024-01-01T10:00:00Z,2024-01-01T11:00:00Z,north,1,2"], header=HEADER.removesuffix(",rating")
    )
    assert "column_exists of orders.rating on 2024-01-01 failed (1 rows)" in str(fail(system, lake))


def test_a_missing_time_column_is_named(tmp_path: Path, lake: Lake) -> None:
    system = shop(tmp_path, orders(1), header=HEADER.replace("known", "told"))
    assert "orders.known" in str(fail(system, lake))


def test_a_column_that_the_sql_needs_is_named(tmp_path: Path, lake: Lake) -> None:
    system = shop(tmp_path, orders(1))
    (system.folder / "orders.sql").write_text("SELECT *, cost + 1 AS more FROM orders")
    assert "cost" in str(fail(system, lake))


def test_thirty_percent_nulls_fail_the_day_and_the_whole_run(tmp_path: Path, lake: Lake) -> None:
    second = [order(number, "2024-01-02", rating="" if number < 3 else 4) for number in range(10)]
    error = fail(shop(tmp_path, [*orders(10), *second]), lake, WEEK)
    assert "null_share of orders.rating on 2024-01-02 is 0.3, bound 0.25 (3 rows)" in str(error)
    assert isinstance(error.report, AuditReport)
    failed = [row for row in lake.read("checks").to_pylist() if not row["passed"]]
    assert [(str(row["day"]), row["check"], row["value"]) for row in failed] == [
        ("2024-01-02", "quality/null_share", 0.3)
    ]


def test_thirty_percent_missing_required_values_fail_the_day(tmp_path: Path, lake: Lake) -> None:
    lines = [order(number, price="" if number < 3 else 4) for number in range(10)]
    error = fail(shop(tmp_path, lines), lake)
    assert "quarantine_share of orders on 2024-01-01 is 0.3, bound 0.2 (3 rows)" in str(error)
    assert isinstance(error.report, AuditReport)
    assert error.report.streams["orders"].refused == {"price: no value": 3}


def test_too_few_rows_fail_the_day(tmp_path: Path, lake: Lake) -> None:
    error = fail(shop(tmp_path, orders(2), min_rows=3), lake)
    assert "rows of orders on 2024-01-01 is 2, bound 3" in str(error)


def test_an_empty_day_is_published_empty(tmp_path: Path, lake: Lake) -> None:
    system = shop(tmp_path, orders(2))
    assert ingest(system, lake, Days.parse("2024-02-01"), run_id="run").published == {"orders": 0}


def test_a_failed_run_leaves_the_published_day(tmp_path: Path, lake: Lake) -> None:
    ingest(shop(tmp_path, orders(5)), lake, DAY, run_id="one")
    before = lake.read("events/orders")
    with pytest.raises(DataQualityError):
        ingest(shop(tmp_path, [order(number, price="") for number in range(5)]), lake, DAY, run_id="two")
    assert lake.read("events/orders").equals(before)


def test_publish_refuses_what_was_not_audited(tmp_path: Path, lake: Lake) -> None:
    system = shop(tmp_path, orders(5))
    extract(system, lake, WEEK, run_id="run")
    with pytest.raises(DataQualityError, match="has not passed an audit"):
        publish(system, lake, WEEK, run_id="run")
    audit(system, lake, WEEK, run_id="run")
    with pytest.raises(DataQualityError, match="was audited for"):
        publish(system, lake, DAY, run_id="run")
    staging = Staging(lake, "run")
    staging.write("orders.good", staging.read("orders.good").slice(1))
    with pytest.raises(DataQualityError, match="changed after its audit"):
        publish(system, lake, WEEK, run_id="run")
    extract(system, lake, WEEK, run_id="run")
    with pytest.raises(DataQualityError, match="has not passed an audit"):
        publish(system, lake, WEEK, run_id="run")


def test_publish_may_be_repeated(tmp_path: Path, lake: Lake) -> None:
    system = shop(tmp_path, orders(5))
    extract(system, lake, DAY, run_id="scheduled__2024-01-01T00:00:00+00:00")
    audit(system, lake, DAY, run_id="scheduled__2024-01-01T00:00:00+00:00")
    for _ in range(2):
        assert publish(system, lake, DAY, run_id="scheduled__2024-01-01T00:00:00+00:00") == {"orders": 5}
    assert len(events(lake)) == 5


def test_an_override_replaces_a_source_for_one_run(tmp_path: Path, lake: Lake) -> None:
    system = shop(tmp_path, orders(5))
    ingest(system, lake, DAY, run_id="one")
    faulty = tmp_path / "faulty.csv"
    faulty.write_text("\n".join([HEADER, *orders(5), order(9, price=-3)]) + "\n")
    ingest(system, lake, DAY, run_id="two", overrides={"orders": str(faulty)})
    assert quarantined(lake) == [("o009", "price", "outside 0 to 1000")]
    ingest(system, lake, DAY, run_id="three")
    assert quarantined(lake) == []


def test_an_absent_source_is_a_retryable_error(tmp_path: Path, lake: Lake) -> None:
    system = shop(tmp_path, orders(1))
    (system.folder / "orders.csv").unlink()
    with pytest.raises(ServiceUnavailableError, match=r"orders\.csv"):
        ingest(system, lake, DAY, run_id="run")


def test_a_dimension_refuses_repeated_keys(tmp_path: Path, lake: Lake) -> None:
    system = shop(tmp_path, orders(2))
    (system.folder / "shops.sql").write_text("SELECT shop AS id, 1 AS known_orders FROM orders")
    with pytest.raises(DataQualityError, match="1 are repeated"):
        load_dimensions(system, lake)


def test_a_users_suite_stands_beside_the_generated_one(tmp_path: Path, lake: Lake) -> None:
    lines = [*orders(9), order(9, rating=9)]
    system = shop(tmp_path, lines, suite="suite.json")
    rule = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "rating", "max_value": 5}}
    write_suite(system, rule)
    ingest(system, lake, DAY, run_id="run")
    assert quarantined(lake) == [("o009", "rating", "expect_column_values_to_be_between")]


def test_a_users_rule_about_the_day_fails_it(tmp_path: Path, lake: Lake) -> None:
    system = shop(tmp_path, orders(5), suite="suite.json")
    write_suite(system, {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "rating", "max_value": 3}})
    assert "expect_column_mean_to_be_between of orders.rating on 2024-01-01 failed" in str(fail(system, lake))


def test_a_users_rule_on_an_absent_column_is_refused(tmp_path: Path, lake: Lake) -> None:
    system = shop(tmp_path, orders(5), suite="suite.json")
    write_suite(system, {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "colour"}})
    assert "could not be evaluated" in str(fail(system, lake))


def write_suite(system: SystemSpec, *rules: dict[str, object]) -> None:
    (system.folder / "suite.json").write_text(json.dumps({"name": "mine", "expectations": list(rules)}))


def test_mended_rows_are_readmitted(tmp_path: Path, lake: Lake) -> None:
    system = shop(tmp_path, [*orders(18), order(18, price="12 EUR"), order(19, shop="east")])
    ingest(system, lake, DAY, run_id="run")
    fix = "SELECT * REPLACE (replace(price, ' EUR', '') AS price) FROM quarantined"
    report = readmit(system, lake, "orders", DAY, fix)
    assert (report.readmitted, report.refused) == (1, {"shop: not one of north, south": 1})
    assert quarantined(lake) == [("o019", "shop", "not one of north, south")]
    assert [row["price"] for row in events(lake) if row["id"] == "o018"] == [12.0]
    assert readmit(system, lake, "orders", DAY, fix).readmitted == 0


def test_readmission_never_repeats_a_key_and_ends_what_was_interrupted(tmp_path: Path, lake: Lake) -> None:
    system = shop(tmp_path, [*orders(9), order(3, price=1), order(9, price=-5)])
    ingest(system, lake, DAY, run_id="run")
    waiting = lake.read("quarantine/orders")
    fix = "SELECT * REPLACE (abs(price::DOUBLE) AS price) FROM quarantined"
    assert readmit(system, lake, "orders", DAY, fix).readmitted == 1
    after = events(lake)
    lake.replace_days("quarantine/orders", waiting, DAY)  # as if the second commit had never come
    assert readmit(system, lake, "orders", DAY, fix).readmitted == 1
    assert events(lake) == after
    assert quarantined(lake) == [("o003", "id", "duplicate key")]


def test_a_fix_that_drops_a_column_is_refused(tmp_path: Path, lake: Lake) -> None:
    system = shop(tmp_path, orders(3))
    ingest(system, lake, DAY, run_id="run")
    with pytest.raises(DataQualityError, match="drops the column 'id'"):
        readmit(system, lake, "orders", DAY, "SELECT _place FROM quarantined")
