"""The peer of `benchmarks/stream.py`: quixstreams folds the same events and writes what it has to Redis.

It runs in an environment of its own, since it pins an older Kafka client. It counts each key's events and takes their
sum, minimum and maximum, emits every update, and writes updates to Redis in pipelines. `--length` is the window, which
moves by five minutes; a window of five minutes is a tile alone, which leaves the sliding to somebody else. What our
side does besides is left out here: the lake, and offsets in the same transaction as the values.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import timedelta
from typing import Any

import redis
from quixstreams import Application
from quixstreams.dataframe.windows import Count, Max, Min, Sum

HOP = timedelta(minutes=5)


def main() -> None:
    """Read the topic from its start until `--events` events were folded; print their number and the seconds as JSON."""
    options = _arguments()
    writer = Writer(options.redis, options.pipeline)
    app = Application(
        broker_address=options.broker,
        consumer_group=options.group,
        auto_offset_reset="earliest",
        state_dir=options.state,
        loglevel="WARNING",
    )
    topic = app.topic(options.topic, value_deserializer="json", timestamp_extractor=_event_time)
    frame, length = app.dataframe(topic).update(writer.count), timedelta(minutes=options.length)
    windows = frame.hopping_window(length, HOP) if length > HOP else frame.tumbling_window(HOP)
    updates = windows.agg(count=Count(), sum=Sum("value"), min=Min("value"), max=Max("value")).current()
    updates.update(writer.write, metadata=True)
    app.run(count=options.events * int(length / HOP))  # it counts updates: one for each window of an event
    writer.flush()
    print(json.dumps({"events": writer.events, "seconds": writer.last - writer.first}), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("broker", "redis", "topic", "group", "state"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--length", type=int, default=60, help="minutes of the window (default: %(default)s)")
    parser.add_argument("--events", type=int, default=0, help="stop after so many; 0 never stops")
    parser.add_argument("--pipeline", type=int, default=1, help="updates in one write to Redis (default: %(default)s)")
    return parser.parse_args()


def _event_time(value: dict[str, Any], *_: object) -> int:
    return int(value["milliseconds"])


class Writer:
    """Writes each window's newest aggregate to Redis under its key."""

    def __init__(self, address: str, pipeline: int) -> None:
        host, port = address.split(":")
        self._pipe = redis.Redis(host, int(port)).pipeline(transaction=False)
        self._size = pipeline
        self.events, self.first, self.last = 0, 0.0, 0.0

    def count(self, _: object) -> None:
        """Take the time of the first event and of the newest."""
        self.events += 1
        self.last = time.monotonic()
        self.first = self.first or self.last

    def write(self, window: dict[str, Any], key: bytes, *_: object) -> None:
        """Take one update in; it is written when the pipeline is full."""
        self._pipe.hset(b"window:" + bytes(key), str(window["start"]), json.dumps(window))
        if len(self._pipe) >= self._size:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        self._pipe.execute()
        self.last = time.monotonic()


if __name__ == "__main__":
    main()
