"""Files that come with the package: below `include/` of the project, or packed into the wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def artefact(name: str) -> Path:
    """A file of the project's `include/`, such as `prometheus/rules.yml`."""
    packed = _PACKAGE / "include" / name
    return packed if packed.exists() else _PACKAGE.parents[1] / "include" / name
