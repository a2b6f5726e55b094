"""A publisher that is killed at any moment leaves each table as it was or as it should be."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.jobs.ingestion import audit, extract, ingest, publish
from ai_patterns.spec.system import SystemSpec
from shop import orders, shop

KILLS = 20
DAYS = Days.parse("2024-01-01/2024-01-05")

# The child waits for a line, so that the kill is timed from the moment at which it begins to publish.
PUBLISHER = """
import sys
from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.jobs.ingestion import publish
from ai_patterns.spec.loading import load_system

system, lake, days = load_system(sys.argv[1]), Lake(sys.argv[2], "shop"), Days.parse(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
publish(system, lake, days, run_id="new")
print("done", flush=True)
"""


def content(lake: Lake, table: str) -> pa.Table:
    columns = [("day", "ascending"), ("id" if table.startswith("events") else "key", "ascending")]
    return lake.read(table).sort_by(columns)


def publish_and_kill(system: SystemSpec, lake: Lake, seconds: float | None) -> bool:
    """Publish in a child process, killed after `seconds`; whether it ended by itself."""
    command = [sys.executable, "-c", PUBLISHER, str(system.folder), lake.uri, str(DAYS)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.stdin.write("\n")
        child.stdin.flush()
        if seconds is not None:
            time.sleep(seconds)
            os.kill(child.pid, signal.SIGKILL)
        return child.stdout.readline() == "done\n"


def test_a_killed_publisher_leaves_the_old_or_the_new_partition(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"), "shop")
    lines = [line for day in DAYS for line in orders(50, str(day))]
    ingest(shop(tmp_path, [*lines, *orders(1)]), lake, DAYS, run_id="old")
    tables = ("events/orders", "quarantine/orders")
    old = {table: content(lake, table) for table in tables}
    system = shop(tmp_path, [line.replace(",north,", ",south,") for line in [*lines, *orders(2)]])
    extract(system, lake, DAYS, run_id="new")
    audit(system, lake, DAYS, run_id="new")
    started = time.monotonic()
    publish(system, lake, DAYS, run_id="new")
    usual = time.monotonic() - started
    new = {table: content(lake, table) for table in tables}
    assert all(not old[table].equals(new[table]) for table in tables)

    seeded, states, finished = random.Random(7), set(), 0
    for _ in range(KILLS):
        for table in tables:
            lake.replace_days(table, old[table], DAYS)
        finished += publish_and_kill(system, lake, seeded.uniform(0, 1.2 * usual))
        state = []
        for table in tables:
            found = content(lake, table)
            assert found.equals(old[table]) or found.equals(new[table]), f"{table} is neither the old nor the new one"
            state.append("new" if found.equals(new[table]) else "old")
        states.add(tuple(state))
    assert finished < KILLS, "every kill came too late to prove anything"
    assert states <= {("old", "old"), ("old", "new"), ("new", "new")}
    assert publish_and_kill(system, lake, None), "a repeated publication mends what a kill left"
    assert all(content(lake, table).equals(new[table]) for table in tables)
