"""Finding the systems of a project, so that a broken one does not hide the others."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ai_patterns.errors import SpecError
from ai_patterns.spec.loading import FILE_NAME, find_systems, load_system
from ai_patterns.spec.system import SystemSpec

VARIABLE = "AI_PATTERNS_SYSTEMS"
BELOW = Path("include") / "systems"
_PROJECT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Discovery:
    """What was found below `root`: the good systems by name, and why the others are none."""

    root: Path
    systems: tuple[SystemSpec, ...]
    errors: tuple[SpecError, ...]


def systems_root(near: Sequence[Path | str] = ()) -> Path:
    """The folder that holds the systems' folders.

    Args:
        near: files or folders of the project; `include/systems` is looked for beside them and their parents' side.

    Returns:
        `$AI_PATTERNS_SYSTEMS` where it is set; else the first `include/systems` that exists near `near`, in
        `$AIRFLOW_HOME`, in the working directory or in the project that holds this package.
    """
    if named := os.environ.get(VARIABLE):
        return Path(named)
    candidates = [root / BELOW for root in _roots(near)]
    return next((path for path in candidates if path.is_dir()), candidates[0])


def discover(root: Path | str) -> Discovery:
    """Load every system below `root`; the errors of broken ones are collected, not raised."""
    systems: list[SystemSpec] = []
    errors: list[SpecError] = []
    for folder in find_systems(root):
        try:
            systems.append(load_system(folder))
        except SpecError as error:
            errors.append(error)
    return Discovery(Path(root), tuple(systems), tuple(errors))


def system_folder(name: str, root: Path | str) -> Path:
    """Folder of the system `name` below `root`.

    Raises:
        SpecError: there is no such system; the message lists those there are.
    """
    folder = Path(root) / name
    if (folder / FILE_NAME).is_file():
        return folder
    there = ", ".join(path.name for path in find_systems(root)) or "none"
    raise SpecError(f"there is no system {name!r}; systems there: {there}", file=folder / FILE_NAME)


def _roots(near: Sequence[Path | str]) -> list[Path]:
    beside = [parent for item in near for parent in list(Path(item).resolve().parents)[:2]]
    airflow_home = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
    return [*beside, airflow_home, Path.cwd(), _PROJECT]
