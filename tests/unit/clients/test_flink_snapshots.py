"""Checkpoints and savepoints of a job's name: the newest whole one, and what may be deleted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ai_patterns.clients.flink_rest import Rest
from ai_patterns.clients.flink_snapshots import Snapshots
from ai_patterns.errors import ServiceRejectedError, ServiceUnavailableError


@pytest.fixture
def storage(tmp_path) -> Path:
    return tmp_path / "a home"


def write(storage: Path, name: str, path: str, second: int, *, whole: bool = True) -> str:
    folder = storage / name / path
    folder.mkdir(parents=True)
    (folder / ("_metadata" if whole else "part")).write_bytes(b"")
    if whole:
        os.utime(folder / "_metadata", (second, second))
    return f"file://{folder}"


@pytest.mark.parametrize("form", ["{}", "file:{}", "file://{}"])
def test_the_newest_whole_snapshot_of_the_name(storage, form) -> None:
    snapshots = Snapshots(form.format(storage), "count")
    assert snapshots.newest("q") is None
    write(storage, "count", "q/checkpoints/1f/chk-9", 10)
    newest = write(storage, "count", "q/savepoints/savepoint-1f", 20)
    other = write(storage, "count", "p/savepoints/savepoint-2f", 50)
    write(storage, "count", "q/checkpoints/2f/chk-1", 30, whole=False)
    write(storage, "counts", "q/checkpoints/3f/chk-1", 40)
    assert snapshots.newest("q") == newest
    assert snapshots.newest("p") == other
    assert snapshots.savepoints("q") == f"file://{storage}/count/q/savepoints"
    assert snapshots.checkpoints("q") == f"file://{storage}/count/q/checkpoints"


def test_pruning_keeps_the_newest_and_what_runs(storage) -> None:
    for second, path in enumerate(
        ["q/checkpoints/1f/chk-3", "q/savepoints/savepoint-1", "q/checkpoints/2f/chk-7", "q/savepoints/savepoint-2"]
    ):
        write(storage, "count", path, second)
    (storage / "count/q/checkpoints/1f/shared").mkdir()
    write(storage, "count", "q/checkpoints/3f/shared", 0, whole=False)
    write(storage, "count", "q/checkpoints/4f/shared", 0, whole=False)
    snapshots = Snapshots(str(storage), "count")
    folder = storage / "count"
    gone = ["q/checkpoints/1f", "q/checkpoints/3f", "q/savepoints/savepoint-1"]
    assert snapshots.prune(1, live=["2f", "4f"]) == [str(folder / each) for each in gone]
    left = sorted(str(each.relative_to(folder)) for each in folder.glob("q/*/*"))
    assert left == ["q/checkpoints/2f", "q/checkpoints/4f", "q/savepoints/savepoint-2"]
    assert snapshots.prune(0) == [str(folder / "q/checkpoints/2f"), str(folder / "q/checkpoints/4f")]
    assert [each.path for each in snapshots.all()] == [str(folder / "q/savepoints/savepoint-2")]


@pytest.mark.parametrize(
    ("trace", "kind", "told"),
    [
        ("a.B: no\\n\\tat x\\nCaused by: c.D: Object 'absent' not found\\n\\tat y", ServiceRejectedError, "D: Object"),
        ("a.B: no\nCaused by: java.net.ConnectException: Connection refused", ServiceUnavailableError, "refused"),
        ("", ServiceRejectedError, "cannot"),
    ],
)
def test_traces_become_errors(trace, kind, told) -> None:
    error = Rest("http://flink:8083/", "ai_patterns_flink").error(trace, "cannot")
    assert type(error) is kind
    assert told in str(error)
    assert str(error).startswith("Flink at http://flink:8083 cannot: ")
    assert str(error).endswith("Check the connection 'ai_patterns_flink'.")
