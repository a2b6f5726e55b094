"""The systems that the pages show: read once, and again as soon as a file of theirs is another."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from ai_patterns.hooks.systems import find_root
from ai_patterns.spec.discovery import Discovery, discover
from ai_patterns.spec.loading import find_systems

State = tuple[tuple[str, int, int, int], ...]


def find_all() -> Discovery:
    """Every system of this Airflow, as its files are now."""
    root = find_root()
    return _discover(root, _state(root))


@lru_cache(maxsize=1)
def _discover(root: Path, state: State) -> Discovery:  # noqa: ARG001  the state is what makes it another call
    return discover(root)


def _state(root: Path) -> State:
    return tuple(_facts(path) for folder in find_systems(root) for path in sorted(folder.rglob("*")))


def _facts(path: Path) -> tuple[str, int, int, int]:
    """What is another where the file is: of one that goes while it is looked at, its name alone."""
    try:
        status = path.stat()
    except OSError:
        return str(path), 0, 0, 0
    return str(path), status.st_ino, status.st_size, status.st_ctime_ns
