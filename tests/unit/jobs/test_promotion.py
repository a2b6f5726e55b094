"""The ledger under contention: one number, one winner; no line is lost and none is written twice."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.ledger import append_promotion, read_promotions
from ai_patterns.core.ledger import Promotion, champion, champion_since, champions

AT = dt.datetime(2024, 6, 1, 12, tzinfo=dt.UTC)


def line(version: int, action: str = "promoted") -> Promotion:
    return Promotion(0, AT + dt.timedelta(hours=version), action, version, None, "test", {"auc": 0.7})  # type: ignore[arg-type]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path), "orchard")


def race(count: int, run: Callable[[int], object]) -> list[object]:
    """Let `count` threads run at the same instant; return what each returned."""
    barrier = threading.Barrier(count)

    def enter(number: int) -> object:
        barrier.wait()
        return run(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(enter, range(count)))


def test_lines_come_back_as_they_were_written(lake: Lake) -> None:
    assert read_promotions(lake) == []
    first = append_promotion(lake, line(1), lambda present: present is None)
    second = append_promotion(lake, line(2), lambda present: present == 1)
    assert read_promotions(lake) == [first, second]
    assert second is not None
    assert (second.sequence, second.previous, second.evidence) == (2, 1, {"auc": 0.7})


def test_a_number_is_taken_once(lake: Lake) -> None:
    rows = line(1).to_table()
    assert lake.append_fenced("promotions", rows, app="promotions", number=1)
    assert not lake.append_fenced("promotions", rows, app="promotions", number=1)
    assert not lake.append_fenced("promotions", rows, app="promotions", number=3)
    assert lake.append_fenced("promotions", rows, app="promotions", number=2)


@pytest.mark.parametrize("attempt", range(5))
def test_of_racing_first_promoters_one_wins(lake: Lake, attempt: int) -> None:
    """The table itself is made in the same race."""
    results = race(4, lambda number: append_promotion(lake, line(number + 1), lambda present: present is None))
    winners = [result for result in results if result is not None]
    assert len(winners) == 1, attempt
    assert read_promotions(lake) == winners


@pytest.mark.parametrize("attempt", range(5))
def test_of_racing_promoters_one_wins(lake: Lake, attempt: int) -> None:
    append_promotion(lake, line(1), lambda _: True)
    results = race(4, lambda number: append_promotion(lake, line(number + 2), lambda present: present == 1))
    assert sum(result is not None for result in results) == 1, attempt
    assert [entry.sequence for entry in read_promotions(lake)] == [1, 2]


def test_racing_refusals_are_all_written(lake: Lake) -> None:
    append_promotion(lake, line(1), lambda _: True)
    race(4, lambda number: append_promotion(lake, line(number + 2, "refused"), lambda _: True))
    history = read_promotions(lake)
    assert [entry.sequence for entry in history] == [1, 2, 3, 4, 5]
    assert sorted(entry.version for entry in history) == [1, 2, 3, 4, 5]
    assert champion(history) == 1


def promote_in_process(uri: str, version: int) -> bool:
    """In a process of its own."""
    return append_promotion(Lake(uri, "orchard"), line(version), lambda present: present == 1) is not None


def test_of_racing_processes_one_wins(lake: Lake) -> None:
    append_promotion(lake, line(1), lambda _: True)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        results = pool.starmap(promote_in_process, [(lake.uri, 2), (lake.uri, 3)], chunksize=1)
    assert sorted(results) == [False, True]
    assert len(read_promotions(lake)) == 2


def test_a_rollback_takes_the_newest_champion_away() -> None:
    history = [line(1), line(2), line(9, "refused"), line(3), line(2, "rolled_back")]
    assert champions(history) == [1, 2]
    assert champion(history) == 2
    assert champion_since(history) == AT + dt.timedelta(hours=2)
    assert champion([*history, line(1, "rolled_back")]) == 1


def test_before_the_first_promotion() -> None:
    assert champion([line(4, "refused")]) is None
    assert champion_since([]) is None
