"""A publisher that is killed at any moment leaves each table as it was or as it should be."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.jobs.ingestion import audit, extract, ingest
from ai_patterns.spec.system import SystemSpec
from shop import orders, shop
from soak_figures import add_figures

DAYS = Days.parse("2024-01-01/2024-01-05")
TABLES = ("events/orders", "quarantine/orders")

# The child counts the calls that it makes while it publishes, and may kill itself at one of them. It waits for a
# line before it begins, so that a kill from outside is timed from that moment.
PUBLISHER = """
import os, signal, sys
from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.jobs.ingestion import publish
from ai_patterns.spec.loading import load_system

system, lake, days = load_system(sys.argv[1]), Lake(sys.argv[2], "shop"), Days.parse(sys.argv[3])
fatal, calls = int(sys.argv[4]), 0

def count(frame, event, argument):
    global calls
    calls += 1
    if calls == fatal:
        os.kill(os.getpid(), signal.SIGKILL)

print("ready", flush=True)
sys.stdin.readline()
sys.setprofile(count)
publish(system, lake, days, run_id="new")
sys.setprofile(None)
print(calls, flush=True)
"""


def content(lake: Lake, table: str) -> pa.Table:
    columns = [("day", "ascending"), ("id" if table.startswith("events") else "key", "ascending")]
    return lake.read(table).sort_by(columns)


def publish_and_kill(
    system: SystemSpec, lake: Lake, *, call: int = 0, seconds: float | None = None
) -> tuple[int, float]:
    """Publish in a child process that is killed at its n-th call, after some time, or never.

    Returns:
        The calls it made, 0 where it was killed; and the seconds it lived after it began.
    """
    command = [sys.executable, "-c", PUBLISHER, str(system.folder), lake.uri, str(DAYS), str(call)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        began = time.monotonic()
        child.stdin.write("\n")
        child.stdin.flush()
        if seconds is not None:
            time.sleep(seconds)
            child.send_signal(signal.SIGKILL)
        calls = int(child.stdout.readline() or 0)
        return calls, time.monotonic() - began


def test_a_killed_publisher_leaves_the_old_or_the_new_partition(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    kills, figures = request.config.getoption("--kills"), {"crash_points": 0, "kills": 0, "lost": 0, "doubled": 0}
    lake = Lake(str(tmp_path / "lake"), "shop")
    lines = [line for day in DAYS for line in orders(50, str(day))]
    ingest(shop(tmp_path, [*lines, *orders(1)]), lake, DAYS, run_id="old")
    old = {table: content(lake, table) for table in TABLES}
    system = shop(tmp_path, [line.replace(",north,", ",south,") for line in [*lines, *orders(2)]])
    extract(system, lake, DAYS, run_id="new")
    audit(system, lake, DAYS, run_id="new")
    calls, seconds = publish_and_kill(system, lake)
    new = {table: content(lake, table) for table in TABLES}
    assert all(not old[table].equals(new[table]) for table in TABLES)

    seeded, states = random.Random(7), set()
    for number in range(kills):
        for table in TABLES:
            lake.replace_days(table, old[table], DAYS)
        if number % 2:  # anywhere, the library's own writing included
            figures["kills"] += 1
            publish_and_kill(system, lake, seconds=seeded.uniform(0, 1.2 * seconds))
        else:  # one point in each tenth of publish's own steps, again and again
            figures["crash_points"] += 1
            tenth = number // 2 % 10
            publish_and_kill(system, lake, call=seeded.randint(tenth * calls // 10 + 1, (tenth + 1) * calls // 10))
        states.add(tuple(state_of(lake, table, old[table], new[table]) for table in TABLES))
        assert publish_and_kill(system, lake)[0], "a repeated publication mends what a kill left"
        lost, doubled = damage(content(lake, TABLES[0]), new[TABLES[0]])
        figures["lost"], figures["doubled"] = figures["lost"] + lost, figures["doubled"] + doubled
        assert all(content(lake, table).equals(new[table]) for table in TABLES)
        print(f"{number + 1} of {kills}: {figures}", flush=True)
    assert (figures["lost"], figures["doubled"]) == (0, 0)
    assert {("old", "old"), ("old", "new")} <= states <= {("old", "old"), ("old", "new"), ("new", "new")}
    add_figures(request.config.getoption("--figures"), "publishing", figures)


def damage(found: pa.Table, wanted: pa.Table) -> tuple[int, int]:
    """Events that are missing, and events that are there more than once."""
    distinct = found.group_by(["day", "id"]).aggregate([]).num_rows
    return wanted.num_rows - distinct, found.num_rows - distinct


def state_of(lake: Lake, table: str, old: pa.Table, new: pa.Table) -> str:
    found = content(lake, table)
    assert found.equals(old) or found.equals(new), f"{table} is neither the old nor the new one"
    return "new" if found.equals(new) else "old"
