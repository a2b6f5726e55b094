"""Evidently's drift preset with its defaults: `python evidently_report.py ROWS.parquet FIRST_DAY_OF_WINDOW`."""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path

import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset


def main(path: str, first: str) -> None:
    """Read all rows, compare both parts, print each column's distance."""
    rows = pd.read_parquet(path)
    late = rows["day"] >= dt.date.fromisoformat(first)
    rows = rows.drop(columns="day")
    snapshot = Report([DataDriftPreset()]).run(rows[late], rows[~late])
    found = {}
    for metric in json.loads(snapshot.json())["metrics"]:
        config = metric.get("config", {})
        if "column" in config:
            found[config["column"]] = metric["value"]
    peak = next(line for line in Path("/proc/self/status").read_text("ascii").splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"rows": len(rows), "distances": found, "megabytes": int(peak.split()[1]) / 1024}))


if __name__ == "__main__":
    main(*sys.argv[1:])
