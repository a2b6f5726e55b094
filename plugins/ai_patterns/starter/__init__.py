"""The starter system that `ai-patterns new` writes: its spec, its SQL and a small sample of data."""

from __future__ import annotations

import csv
import datetime as dt
import random
from importlib.resources import files
from pathlib import Path

_FILES = ("system.yaml", "sql/hours.sql", "sql/results.sql")


def write_starter(folder: Path) -> Path:
    """Write a commented system that validates into `folder`, which must not exist.

    Raises:
        FileExistsError: the folder is there already; nothing is overwritten.
    """
    (folder / "sql").mkdir(parents=True)
    for name in _FILES:
        text = files(__package__).joinpath(name).read_text("utf-8")
        (folder / name).write_text(text.replace("{name}", folder.name), "utf-8")
    _write_sample(folder / "readings.csv")
    return folder


def _write_sample(path: Path, days: int = 60) -> None:
    """Hourly load of four machines; a hot afternoon, or a bad spell, needs attention. Always the same rows."""
    chance = random.Random(7)  # noqa: S311  # sample data, not a secret
    first = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["hour", "machine", "load", "attention"])
        spell = dict.fromkeys(("m1", "m2", "m3", "m4"), 0.0)
        for hour in range(24 * days):
            now = first + dt.timedelta(hours=hour)
            for machine in spell:
                spell[machine] = 0.9 * spell[machine] + chance.gauss(0, 4)
                load = min(100, max(0, 45 + 25 * (12 <= now.hour < 18) + spell[machine] + chance.gauss(0, 5)))
                attention = int(load + chance.gauss(0, 6) > 70)
                rows.writerow([now.strftime("%Y-%m-%d %H:%M:%S"), machine, round(load, 1), attention])
