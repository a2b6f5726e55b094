"""Our profiles and distances: `python ours.py ROWS.parquet FIRST_DAY_OF_WINDOW`. Prints the findings as JSON."""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path

from ai_patterns.cli.arrow import load_arrow

load_arrow()

import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

from ai_patterns.core.bins import fit_bins  # noqa: E402
from ai_patterns.core.drift import measure  # noqa: E402
from ai_patterns.core.profiling import profile_days  # noqa: E402
from ai_patterns.spec.monitoring import MonitoringSpec  # noqa: E402


def main(path: str, first: str) -> None:
    """Fit bins to the reference, profile every day in one pass, merge and compare."""
    start = dt.date.fromisoformat(first)
    schema = pq.read_schema(path)
    words = [field.name for field in schema if pa.types.is_string(field.type)]
    numbers = [name for name in schema.names if name not in (*words, "day")]
    rows = pq.ParquetFile(path, read_dictionary=words)
    profiles = profile_days(rows, fit_bins(rows, numbers, words, before=start))
    reference, window = (
        profiles.on([day for day in profiles.days if (day >= start) is late]).merged() for late in (False, True)
    )
    found = [[item.check, item.subject, item.value] for item in measure(reference, window, MonitoringSpec())]
    edges = {name: inner.tolist() for name, inner in profiles.bins.edges.items()}
    peak = next(line for line in Path("/proc/self/status").read_text("ascii").splitlines() if line.startswith("VmHWM"))
    answer = {"rows": int(profiles.rows.sum()), "found": found, "edges": edges}
    print(json.dumps({**answer, "megabytes": int(peak.split()[1]) / 1024}))


if __name__ == "__main__":
    main(*sys.argv[1:])
