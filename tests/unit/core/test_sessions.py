"""What the environment says holds in every session of the engine."""

import multiprocessing
import re
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from ai_patterns.core.sessions import Limits, connect, session
from ai_patterns.engines.duckdb import run


def setting(name: str, connection: duckdb.DuckDBPyConnection) -> object:
    return connection.execute(f"SELECT current_setting('{name}')").fetchone()[0]


def test_the_environment_limits_a_session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AI_PATTERNS_ENGINE_MEMORY", "300MB")
    monkeypatch.setenv("AI_PATTERNS_ENGINE_THREADS", "1")
    monkeypatch.setenv("AI_PATTERNS_ENGINE_SPILL", str(tmp_path))
    with connect() as one, connect() as other:
        assert (setting("memory_limit", one), setting("threads", one)) == ("286.1 MiB", 1)
        folders = [Path(str(setting("temp_directory", each))) for each in (one, other)]
    assert [folder.parent.parent for folder in folders] == [tmp_path, tmp_path]
    assert folders[0] != folders[1]


def test_sessions_of_one_engine_do_not_see_each_other() -> None:
    with session() as one, session() as other:
        one.register("rows_of_one", pa.table({"a": [1]}))
        one.execute("CREATE TEMP TABLE made_by_one AS FROM rows_of_one")
        for name in ("rows_of_one", "made_by_one"):
            with pytest.raises(duckdb.CatalogException, match=name):
                other.execute(f"FROM {name}")
        assert setting("TimeZone", other) == "UTC"


def test_a_forked_process_has_an_engine_of_its_own() -> None:
    assert run("SELECT 1 AS a", {})["a"].to_pylist() == [1]
    child = multiprocessing.get_context("fork").Process(target=run, args=("SELECT sum(a) FROM range(100000) r(a)", {}))
    child.start()
    child.join(60)
    assert child.exitcode == 0


def test_what_does_not_fit_is_spilled_and_comes_out_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    grouped = "SELECT number % 400000 AS key, list(number) AS found FROM range(1200000) r(number) GROUP BY key"
    sql = f"SELECT count(*) AS keys, sum(len(found)) AS numbers, max(found[1]) AS last FROM ({grouped})"
    whole = run(sql, {})
    monkeypatch.setenv("AI_PATTERNS_ENGINE_SPILL", str(tmp_path))
    monkeypatch.setenv("AI_PATTERNS_ENGINE_MEMORY", "40MB")
    monkeypatch.setenv("AI_PATTERNS_ENGINE_THREADS", "1")
    assert run(sql, {}).equals(whole)
    left = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert left < 2**16  # the folder stays as long as the process, what was spilled does not


@pytest.mark.parametrize("number", ["0", "-1", "many", "1.5"])
def test_a_number_that_is_none_is_refused_by_name(number: str) -> None:
    with pytest.raises(ValueError, match=f"AI_PATTERNS_ENGINE_THREADS is '{re.escape(number)}'"):
        Limits.from_environment({"AI_PATTERNS_ENGINE_THREADS": number})


def test_memory_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="AI_PATTERNS_ENGINE_MEMORY='a lot'"):
        connect(Limits(memory="a lot"))


def test_no_other_place_opens_a_session(repository: Path) -> None:
    package = repository / "plugins" / "ai_patterns"
    opening = [path for path in package.rglob("*.py") if "duckdb.connect(" in path.read_text("utf-8")]
    assert opening == [package / "core" / "sessions.py"]
