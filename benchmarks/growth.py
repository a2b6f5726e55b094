"""What a system costs as it grows: 1, 10, 100 times the flights through load, features, training set, materialization.

The flights are multiplied from the real ones, each copy with planes and flight numbers of its own, always the same.
Each stage is a process of its own, so its peak is its own; `--memory` is the engine's limit in all of them. A hundred
times the year takes some hours and some 30 GB of disk; fewer days tell the cost of a row as well.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

OUTPUT = Path(".run/bench/growth.json")
STAGES = ("load", "features", "training_set", "materialization")
SIDE = Path(__file__).parent
HEADER = "| times | stage | rows out | seconds | microseconds a row | peak MB |\n|---|---|---|---|---|---|"


def main() -> None:
    """Measure each size, print the table, and write the figures."""
    options = _arguments()
    figures = []
    print(HEADER)
    for times in options.times:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            for stage in options.stages:
                figures.append(_measured(stage, times, Path(folder), options))
                print(_line(figures[-1]), flush=True)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


def _measured(stage: str, times: int, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    limits = {
        "AI_PATTERNS_ENGINE_MEMORY": options.memory,
        "AI_PATTERNS_ENGINE_SPILL": str(folder / "spill"),
        "AI_PATTERNS_ENGINE_BATCH_ROWS": str(options.batch_rows),
        "PYTHONPATH": os.pathsep.join([str(SIDE), os.environ.get("PYTHONPATH", "plugins")]),
    }
    command = [sys.executable, "-m", "growth_side.stage", stage, "--times", str(times)]
    command += ["--days", options.days, "--folder", str(folder)]
    done = subprocess.run(command, env=os.environ | limits, stdout=subprocess.PIPE, check=True, text=True)  # noqa: S603
    return {"times": times, "stage": stage, "days": options.days, **json.loads(done.stdout.splitlines()[-1])}


def _line(found: dict[str, Any]) -> str:
    each = found["seconds"] / max(found["rows"], 1) * 1e6
    return (
        f"| {found['times']} | {found['stage']} | {found['rows']:,} | {found['seconds']:.1f} | {each:.1f} "
        f"| {found['peak_mb']:,} |"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, nargs="+", default=[1, 10], help="sizes (default: 1 10)")
    parser.add_argument("--stages", choices=STAGES, nargs="+", default=STAGES, help="each needs those before it")
    parser.add_argument("--days", default="2013-01-01/2013-03-31", help="days of flights (default: %(default)s)")
    parser.add_argument("--memory", default="4GB", help="of the engine (default: %(default)s)")
    parser.add_argument("--batch-rows", type=int, default=1_000_000, help="rows at once (default: %(default)s)")
    parser.add_argument("--folder", help="where the lakes are made (default: the folder for temporary files)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
