"""The systems of this Airflow: next to its DAG files, or in its home."""

from __future__ import annotations

from pathlib import Path

from airflow.providers.common.compat.sdk import conf

from ai_patterns.spec.discovery import Discovery, discover, system_folder, systems_root
from ai_patterns.spec.loading import load_system
from ai_patterns.spec.system import SystemSpec


def find_root(*near: Path | str) -> Path:
    """The folder of the systems, looked for beside `near` and beside Airflow's DAG folder."""
    return systems_root([*near, Path(conf.get("core", "dags_folder")) / "any"])


def find_all(*near: Path | str) -> Discovery:
    """Every system of this Airflow."""
    return discover(find_root(*near))


def find_system(named: str | Path) -> SystemSpec:
    """Load one system, given its name or its folder.

    Raises:
        SpecError: there is none, or its spec is wrong.
    """
    folder = Path(named) if "/" in str(named) else system_folder(str(named), find_root())
    return load_system(folder)
