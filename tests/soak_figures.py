"""What the fault tests lost and doubled, put together in one file for `make soak`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path


def add_figures(target: Path | None, name: str, figures: Mapping[str, float]) -> None:
    """Write figures into a file beside those of other tests."""
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        held = json.loads(target.read_text("utf-8")) if target.exists() else {}
        target.write_text(json.dumps({**held, name: dict(figures)}, indent=2) + "\n", "utf-8")
