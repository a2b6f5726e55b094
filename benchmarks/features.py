"""Our Feast plug-ins beside Feast's own parts, on the same work through Feast's own interface, in one run.

Materialization of rows into Redis and SQLite (wall, processor, memory), a point-in-time join of the flights with two
views, and online reads in process. Feast runs in an environment of its own; what the sides hold or found is
compared before a time counts. The defaults are the sizes of the goals: Feast takes some minutes and 12 GB.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from feature_store.measures import history, materialization, online_reads
from feature_store.stage import write_flights, write_rows

from ai_patterns.runtimes.redis import Redis

OUTPUT = Path(".run/bench/features.json")
GOALS = {
    "redis": {"seconds": 8.0, "cpu": 14.0, "megabytes": 12.0},
    "sqlite": {"seconds": 6.0, "megabytes": 10.0},
    "dask": {"seconds": 80.0},
    "duckdb": {"seconds": 5.0},
}
READ_GOAL = 10.0
FEW = 2_000
"""Flights that a store joins which ran out of memory over all of them."""


def main() -> None:
    """Run all sides and write the figures."""
    options = _arguments()
    figures: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder, server = Path(name), Redis(Path(name) / "redis")
        write_rows(folder, options.rows)
        server.up()
        try:
            for store in options.stores:
                ours, theirs = materialization(folder, store, server.address)
                figures += _compared(f"{options.rows:,} rows -> {store}", "feast", ours, theirs, GOALS[store])
            if "redis" in options.stores:
                for (what, count), sides in online_reads(folder, server.address, options.rows, 1_000).items():
                    title = f"online read of {count} {what} in process, p50"
                    found = [{"microseconds": side} for side in sides]
                    figures += _compared(title, "feast", *found, {"microseconds": READ_GOAL})
        finally:
            server.down()
        for peer in options.offline:
            figures += _joined(folder, peer, options.flights)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    print(json.dumps(figures, indent=2))


def _joined(folder: Path, peer: str, flights: int) -> list[dict[str, Any]]:
    """The join of the flights; where the peer cannot do it, that, and the join of few of them."""
    title, name = "point-in-time join of {:,} rows x 2 views", f"feast, {peer}"
    write_flights(folder, flights)
    try:
        ours, theirs, lost = history(folder, peer)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        print(f"  {name} gave up: {reason}", flush=True)
        given_up = [{"measure": title.format(flights), "peer": name, "failed": reason}]
        return given_up + (_joined(folder, peer, FEW) if flights > FEW else [])
    return _compared(f"{title.format(flights)}, {lost:,} lost by the peer", name, ours, theirs, GOALS[peer])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows to materialize (default: %(default)s)")
    parser.add_argument("--flights", type=int, default=336_776, help="flights to join (default: %(default)s)")
    parser.add_argument("--stores", nargs="*", default=["redis", "sqlite"], help="online stores (default: both)")
    parser.add_argument("--offline", nargs="*", default=["dask", "duckdb"], help="Feast's offline stores")
    return parser.parse_args()


def _compared(
    title: str, peer: str, ours: dict[str, float], theirs: dict[str, float], goals: dict[str, float]
) -> list[dict[str, Any]]:
    return [
        {
            "measure": f"{title}: {name}",
            "peer": peer,
            "ours": round(ours[name], 2),
            "theirs": round(theirs[name], 2),
            "ratio": round(theirs[name] / ours[name], 1),
            "goal": goal,
            "met": theirs[name] / ours[name] >= goal,
        }
        for name, goal in goals.items()
    ]


if __name__ == "__main__":
    main()
