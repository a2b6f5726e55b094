"""Streaming aggregation beside quixstreams: the same events, the same broker, the same sliding hour, in one run.

Our side folds events into five-minute tiles in the online store, offsets in the same transaction, while a second
process lands the topic in the lake exactly once; a read merges tiles into the sliding hour. The peer keeps count, sum,
minimum and maximum of hopping windows of an hour and writes them to Redis, without a lake. Both sides' values are
compared before any time is taken. The peer's tumbling window, a tile that nobody slides, is told beside it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from streaming.measures import agree, freshness, memory, throughput, values
from streaming.sides import Ours, Quixstreams
from streaming.stage import stage

OUTPUT = Path(".run/bench/stream.json")
GOAL, FLAT = 15.0, 1.1


def main() -> None:
    """Run both sides in turn and write the figures."""
    options = _arguments()
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder)) as services:
        ours, theirs, tiles = Ours(services), Quixstreams(services, minutes=60), Quixstreams(services, minutes=5)
        agree(values(services, ours, options.rate), values(services, theirs, options.rate))
        rates = {side: throughput(services, side, options.events, options.repeats) for side in (ours, theirs, tiles)}
        figures = [
            _figure("events/s, an hour that slides by five minutes", rates[ours], rates[theirs], GOAL),
            _figure("events/s, the peer folding tiles of five minutes alone", rates[ours], rates[tiles], None),
        ]
        # At this rate the peer's sliding hour falls behind for ever; its plain tiles keep up.
        ages = {side: freshness(services, side, options.rate, options.seconds) for side in (ours, tiles)}
        figures += [_age(name, ages[ours][name], ages[tiles][name]) for name in ("p50", "p99")]
        if options.minutes:
            growth = memory(services, ours, options.rate, options.minutes)
            figures.append(
                {"measure": f"memory after {options.minutes} minutes over that at their beginning", **growth}
            )
            figures[-1] |= {"goal": FLAT, "met": growth["ours"] <= FLAT}
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    print(json.dumps(figures, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=400_000, help="events of the throughput (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each side (default: %(default)s)")
    parser.add_argument("--rate", type=int, default=2_000, help="events/s of the freshness (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=30, help="its length for each side (default: %(default)s)")
    parser.add_argument("--minutes", type=int, default=10, help="memory's length; 0: none (default: %(default)s)")
    return parser.parse_args()


def _figure(measure: str, ours: float, theirs: float, goal: float | None) -> dict[str, Any]:
    ratio = round(ours / theirs, 1)
    found = {"measure": measure, "peer": "quixstreams", "ours": round(ours), "theirs": round(theirs), "ratio": ratio}
    return found if goal is None else found | {"goal": goal, "met": ratio >= goal}


def _age(name: str, ours: float, theirs: float) -> dict[str, Any]:
    measure = f"milliseconds from sending to being read online, {name}"
    return {"measure": measure, "peer": "quixstreams", "ours": round(ours, 1), "theirs": round(theirs, 1)}


if __name__ == "__main__":
    main()
