"""The feature service beside `feast serve`, as shipped and tuned: reads of 1 and of 100 rows, and pushes, over HTTP.

All sides read the same Redis, which Feast filled, through the same registry; their answers are compared before any
figure counts. The load comes from a process of its own, over eight connections.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from feature_store.service import measure

OUTPUT = Path(".run/bench/feature_service.json")


def main() -> None:
    """Run all sides in turn and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8, help="length of each load (default: %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options.seconds)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
