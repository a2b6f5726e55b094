"""`python -m demo`: start Airflow, live through the scenario, tell what happened."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from demo.progress import Progress
from demo.rest import AirflowClient
from demo.scenario import live
from demo.standalone import Standalone, running

PROJECT = Path(__file__).resolve().parent.parent
FOLDER = PROJECT / ".run" / "demo"


def main() -> int:
    """Run the demo; 0 when every DAG run ended well."""
    server = Standalone(FOLDER / "airflow", PROJECT)
    progress = Progress("Airflow")
    with running(server, progress):
        progress.done(f"healthy at {server.url}")
        steps = live(AirflowClient(server.url, server.user, server.password))
        (FOLDER / "summary.json").write_text(json.dumps({"steps": steps}, indent=2) + "\n", "utf-8")
        _tell(steps)
        if sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("CI") != "true":
            print(
                f"\nPage: {server.url}/plugin/ai-patterns   login: {server.user} / {server.password}   Ctrl-C ends it."
            )
            signal.pause()
    return 0 if all(step["state"] == "success" for step in steps) else 1


def _tell(steps: list[dict[str, Any]]) -> None:
    header = list(steps[0])
    rows = [header, *[[str(step[name]) for name in header] for step in steps]]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    print()
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nstopped")
        sys.exit(130)
