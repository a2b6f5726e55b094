"""The peer of `benchmarks/stream.py`: quixstreams folds the same events and writes what it has to Redis.

It runs in an environment of its own, since it pins an older Kafka client. It counts each key's events and takes their
sum, minimum and maximum, emits every update, and writes updates to Redis in pipelines. `--length` is the window, which
moves by five minutes; a window of five minutes is a tile alone, which leaves the sliding to somebody else. What our
side does besides is left out here: the lake, and offsets in the same transaction as the values.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from datetime import timedelta
from typing import Any

import redis
from quixstreams import Application
from quixstreams.dataframe.windows import Count, Max, Min, Sum

HOP = timedelta(minutes=5)
WAIT_SECONDS = 0.02


def main() -> None:
    """Read the topic from its start until it is ended; Redis tells how many events are finished."""
    options = _arguments()
    writer = Writer(options.redis, options.group, options.length // 5)
    app = Application(
        broker_address=options.broker,
        consumer_group=options.group,
        auto_offset_reset="earliest",
        state_dir=options.state,
        loglevel="WARNING",
    )
    topic = app.topic(options.topic, value_deserializer="json", timestamp_extractor=_event_time)
    frame, length = app.dataframe(topic), timedelta(minutes=options.length)
    windows = frame.hopping_window(length, HOP) if length > HOP else frame.tumbling_window(HOP)
    updates = windows.agg(count=Count(), sum=Sum("value"), min=Min("value"), max=Max("value")).current()
    updates.update(writer.write, metadata=True)
    app.run()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("broker", "redis", "topic", "group", "state"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--length", type=int, default=60, help="minutes of the window (default: %(default)s)")
    return parser.parse_args()


def _event_time(value: dict[str, Any], *_: object) -> int:
    return int(value["milliseconds"])


class Writer:
    """Writes each window's newest aggregate to Redis: many in one pipeline, none later than `WAIT_SECONDS`."""

    def __init__(self, address: str, group: str, windows: int) -> None:
        host, port = address.split(":")
        self._redis = redis.Redis(host, int(port))
        self._group, self._windows = group.encode(), windows
        self._waiting: dict[bytes, dict[str, str]] = {}
        self._updates, self._lock = 0, threading.Lock()
        threading.Thread(target=self._run, daemon=True).start()

    def write(self, window: dict[str, Any], key: bytes, *_: object) -> None:
        """Take one update in."""
        with self._lock:
            self._waiting.setdefault(self._group + b":" + bytes(key), {})[str(window["start"])] = json.dumps(window)
            self._updates += 1

    def _run(self) -> None:
        while True:
            time.sleep(WAIT_SECONDS)
            self._flush()

    def _flush(self) -> None:
        """Write what waits, and how many events are finished."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            events = self._updates // self._windows
        pipe = self._redis.pipeline(transaction=False)
        for key, windows in waiting.items():
            pipe.hset(key, mapping=windows)
        pipe.set(self._group + b":events", events)
        pipe.execute()


if __name__ == "__main__":
    main()
