"""Workers in Kafka's group: they come, die and stand still, and each event is folded once."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import time
from pathlib import Path

import httpx

from ai_patterns.clients.kafka_group import SESSION_SECONDS
from click_worker import (
    Worker,
    broker,
    catch_up,
    counted,
    events_of,
    fault_free,
    folded,
    folder,
    load,
    start,
    store,
    wait_until,
)

__all__ = ["broker", "folder", "load", "start", "store"]

FOLDED = 'ai_patterns_stream_folded_events_total{stream="events"}'


def test_workers_come_and_die(start, store, broker, load, tmp_path: Path) -> None:
    first = start("group")
    wait_until(lambda: folded(store) > 500)
    second = start("group")
    wait_until(lambda: has_work(second))
    assert has_work(first), "each has one of the two partitions"
    first.process.kill()
    first.process.wait()
    third = start("group")
    wait_until(lambda: has_work(second) and has_work(third))
    second.process.send_signal(signal.SIGTERM)
    assert second.wait() == 0
    whole_and_once(store, broker, load, tmp_path)
    assert third.process.poll() is None


def test_a_worker_that_stood_still_comes_back(start, store, broker, load, tmp_path: Path) -> None:
    still, other = start("group"), start("group")
    wait_until(lambda: has_work(still) and has_work(other))
    stand_still(still, store)
    time.sleep(SESSION_SECONDS)
    before = folded(store)
    wait_until(lambda: "Partitions: {" in other.log.read_text() and both(other))
    wait_until(lambda: folded(store) > before + 500)
    still.process.send_signal(signal.SIGCONT)
    wait_until(lambda: has_work(still) and has_work(other))
    whole_and_once(store, broker, load, tmp_path)
    assert [worker.process.poll() for worker in (still, other)] == [None, None]


def stand_still(worker: Worker, store) -> None:
    """Stop it between two transactions: within one it would hold SQLite's lock, which no other writer can take."""
    worker.process.send_signal(signal.SIGSTOP)
    while not is_free(store.path):
        worker.process.send_signal(signal.SIGCONT)
        time.sleep(0.05)
        worker.process.send_signal(signal.SIGSTOP)


def is_free(path: Path) -> bool:
    with contextlib.closing(sqlite3.connect(path, timeout=5)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        connection.rollback()
        return True


def whole_and_once(store, broker, load, tmp_path: Path) -> None:
    load.end()
    catch_up(store, broker)
    assert counted(store) == len(load.ids)
    assert events_of(store) == events_of(fault_free(store, broker, tmp_path))


def both(worker: Worker) -> bool:
    return "[0, 1]" in worker.log.read_text().rpartition("Partitions: ")[2]


def has_work(worker: Worker) -> bool:
    """Whether it folds events now."""
    before = count(worker)
    time.sleep(0.5)
    return count(worker) > before


def count(worker: Worker) -> float:
    try:
        text = httpx.get(f"{worker.url}/metrics", timeout=5).text
    except httpx.TransportError:
        return 0.0
    return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(FOLDED)), 0.0)
