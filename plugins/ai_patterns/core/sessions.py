"""DuckDB's sessions: one place for how much memory, disk and how many threads each of them may take."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from ai_patterns.core.spill import own_folder

if TYPE_CHECKING:
    import duckdb

BATCH_ROWS = 1_000_000
"""Rows that a job which works in batches of days takes at once, where nothing else is said."""


@dataclass(frozen=True)
class Limits:
    """What the engine of one process may take.

    Attributes:
        memory: such as `2GB`; what does not fit is spilled. By default DuckDB's: 80% of the machine's.
        spill: folder for what does not fit; each engine has its own below it, which goes with the process, or when the
            next one makes an engine.
        threads: by default one a core.
        batch_rows: rows that a job which works in batches of days takes at once.
    """

    memory: str | None = None
    spill: str | None = None
    threads: int | None = None
    batch_rows: int = BATCH_ROWS

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Limits:
        """Read `AI_PATTERNS_ENGINE_MEMORY`, `_SPILL`, `_THREADS` and `_BATCH_ROWS`.

        Raises:
            ValueError: a number is none, or is below 1; names the variable.

        >>> Limits.from_environment({"AI_PATTERNS_ENGINE_MEMORY": "2GB", "AI_PATTERNS_ENGINE_THREADS": "2"})
        Limits(memory='2GB', spill=None, threads=2, batch_rows=1000000)
        """
        return cls(
            memory=environment.get("AI_PATTERNS_ENGINE_MEMORY") or None,
            spill=environment.get("AI_PATTERNS_ENGINE_SPILL") or None,
            threads=_number(environment, "AI_PATTERNS_ENGINE_THREADS"),
            batch_rows=_number(environment, "AI_PATTERNS_ENGINE_BATCH_ROWS") or BATCH_ROWS,
        )


def connect(limits: Limits | None = None) -> duckdb.DuckDBPyConnection:
    """A session in UTC that keeps the order of insertion, in an in-memory engine of its own.

    Args:
        limits: what it may take; by default what the environment says.

    Raises:
        ValueError: a limit is none that DuckDB knows.
    """
    import duckdb  # some 100 ms that a process which only asks for the limits does not need

    limits = limits or Limits.from_environment()
    spill = own_folder(Path(limits.spill or tempfile.gettempdir()))
    config: dict[str, str | int | bool | float | list[str]] = {
        "TimeZone": "UTC",
        "autoinstall_known_extensions": "false",
        # Sessions that spill into one folder would write into each other's files.
        "temp_directory": str(spill / uuid4().hex),
    }
    if limits.memory:
        config["memory_limit"] = limits.memory
    if limits.threads:
        config["threads"] = limits.threads
    try:
        connection = duckdb.connect(config=config)
    except (duckdb.InvalidInputException, duckdb.ParserException) as error:
        raise ValueError(f"DuckDB refuses AI_PATTERNS_ENGINE_MEMORY={limits.memory!r}: {error}") from None
    connection.execute("SET enable_progress_bar = false")
    return connection


@contextmanager
def session() -> Iterator[duckdb.DuckDBPyConnection]:
    """A session within the environment's limits, in the engine that the process keeps: a new one takes 20 ms.

    What is registered and temporary tables are the session's own. Settings are the engine's: nobody may change them.

    Raises:
        ValueError: a limit is none that DuckDB knows.
    """
    import duckdb

    with _engine(Limits.from_environment()).cursor() as cursor:
        try:
            yield cursor
        except (duckdb.FatalException, duckdb.InternalException):
            _engine.cache_clear()  # after such an error it answers nothing more
            raise


@lru_cache(maxsize=2)
def _engine(limits: Limits) -> duckdb.DuckDBPyConnection:
    return connect(limits)


# An engine's threads do not live on in a forked process, which makes one of its own.
os.register_at_fork(before=_engine.cache_clear)


def _number(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name)
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{name} is {text!r}; it must be a whole number from 1 on")
    return int(text)
