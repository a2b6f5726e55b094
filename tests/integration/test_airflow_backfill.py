"""Airflow's own backfill makes a run for each day, and each run replaces what depends on its day."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ai_patterns.clients.lake import Lake
from backfilling_airflow import BackfillingAirflow, backfilling_airflow
from built_lakes import built, content, shop_lake

DAG, DO = "shop__backfill", {"dry_run": False}
DONE = {"plan_backfill": "success", "backfill_partition": "success", "announce_backfill": "skipped"}
ANNOUNCED = {**DONE, "announce_backfill": "success"}
PLANNED = {**DONE, "backfill_partition": "skipped"}


@contextmanager
def airflow_of(dag_file: Path, folder: Path, lake: Lake) -> Iterator[BackfillingAirflow]:
    """An Airflow with one of the project's DAG files, for the systems of the folder."""
    dags = folder / "dags"
    dags.mkdir()
    shutil.copy(dag_file, dags)
    places = {"AI_PATTERNS_SYSTEMS": str(folder), "AI_PATTERNS_LAKE": lake.uri}
    with backfilling_airflow(folder / "airflow", dags, places) as airflow:
        yield airflow


def told(answer: dict[str, Any]) -> list[tuple[str, str | None, dict[str, str]]]:
    """Type, partition key and tasks of each run that ended well, in the order in which they started."""
    assert {run["state"] for run in answer["runs"]} == {"success"}, answer
    assert (answer["open_backfills"], answer["next_run"]) == (0, "None")
    return [(run["type"], run["key"], run["tasks"]) for run in answer["runs"]]


def test_each_day_of_a_backfill_is_a_run_that_replaces_what_depends_on_it(tmp_path: Path, repository: Path) -> None:
    system, lake, days = shop_lake(tmp_path)
    right, before = content(built(system, tmp_path / "rebuilt", days), system), content(lake, system)
    with airflow_of(repository / "dags" / "backfill.py", tmp_path, lake) as airflow:
        second = {"dag_id": DAG, "first": "2024-01-02", "last": "2024-01-02"}
        planned = airflow.ask("backfill", **second, conf={}, reprocess="none")
        assert told(planned) == [("backfill", "2024-01-02", PLANNED)], "by default it is a dry run"
        assert content(lake, system) == before

        both = second | {"last": "2024-01-03"}
        done = airflow.ask("backfill", **both, conf=DO, reprocess="none")
        assert told(done)[1:] == [("backfill", "2024-01-03", DONE)], "the second was done, as Airflow sees it"
        assert content(lake, system) == right
        require_listed(done["runs"][1]["returned"])

        again = airflow.ask("backfill", **both, conf=DO, reprocess="completed")
        assert told(again)[2:] == [("backfill", "2024-01-02", DONE), ("backfill", "2024-01-03", DONE)]
        assert again["runs"][2]["ended"] <= again["runs"][3]["started"]
        assert content(lake, system) == right
        assert again["announced"] == []

        orders = system.folder / "orders.csv"
        orders.write_text(orders.read_text().replace("2024-01-06T11:07:00Z,north", "2024-01-06T11:07:00Z,south"))
        by_hand = airflow.ask("trigger", dag_id=DAG, conf=DO, key="2024-01-05/2024-01-06")
        assert told(by_hand)[4:] == [("manual", "2024-01-05/2024-01-06", ANNOUNCED)]
        assert by_hand["announced"] == ["2024-01-06"], "the newest day, for the online store"
        assert content(lake, system) == content(built(system, tmp_path / "mended", days), system)


def require_listed(returned: dict[str, Any]) -> None:
    """The run replaced events of its day, and of what depends on them only what it had listed."""
    listed = {part["table"]: len(part["days"]) for part in returned["plan_backfill"]["dependents"]}
    replaced = returned["backfill_partition"]["replaced"]
    assert replaced.pop("events/orders") == 1
    assert {"tiles/shop_now", "values/shop_now", "training_sets"} <= replaced.keys()
    assert all(number <= listed[table] for table, number in replaced.items())
