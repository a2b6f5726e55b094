"""Spark on this machine: a session in this process, with Delta's jars."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ai_patterns.engines.spark import SETTINGS
from ai_patterns.errors import MissingDependencyError
from ai_patterns.runtimes.programs import fetch_jars, find_java

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

POM = Path(__file__).with_name("spark_pom.xml")


def delta_jars() -> list[Path]:
    """What Spark lacks to read and write the lake, fetched once.

    Raises:
        MissingProgramError: Java or Maven is not installed.
        ServiceUnavailableError: Maven's repository is out of reach.
    """
    return sorted(fetch_jars(POM, find_java()).glob("*.jar"))


def spark_home() -> Path:
    """The folder of PySpark, which holds all of Spark.

    Raises:
        MissingDependencyError: PySpark is not installed, or only its client.
    """
    found = find_spec("pyspark")
    home = Path(found.origin).parent if found and found.origin else None
    if home is None or not (home / "jars").is_dir():
        raise MissingDependencyError("pyspark", "spark")
    return home


@contextmanager
def local_session(master: str = "local[2]", settings: Mapping[str, str] | None = None) -> Iterator[SparkSession]:
    """A session of its own in this process, stopped at the end.

    Args:
        master: `local[N]`, or the address of a cluster.
        settings: further settings of Spark's.

    Raises:
        MissingDependencyError: PySpark is not installed.
        MissingProgramError: Java or Maven is not installed.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise MissingDependencyError("pyspark", "spark") from None
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder.master(master).config("spark.jars", ",".join(map(str, delta_jars())))
    for name, value in {**SETTINGS, **(settings or {})}.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    try:
        yield session
    finally:
        session.stop()
