"""The peer of `benchmarks/stream.py`: quixstreams folds the same events into the same tiles and writes them to Redis.

Run in an environment of its own (quixstreams pins an older Kafka client). It counts and takes sum, minimum and maximum
of each key's tumbling window of five minutes, emits every update, and writes updates to Redis in pipelines, which
leaves out what our side also does: the lake, sliding windows, and offsets in the same transaction as the values.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import timedelta

import redis
from quixstreams import Application
from quixstreams.dataframe.windows import Count, Max, Min, Sum

HOP = timedelta(minutes=5)


def main() -> None:
    """Read the topic from its start until `--events` were folded; print the seconds since the first as JSON."""
    options = _arguments()
    writer = Writer(options.redis, options.events, options.pipeline)
    app = Application(
        broker_address=options.broker,
        consumer_group=options.group,
        auto_offset_reset="earliest",
        state_dir=options.state,
        loglevel="WARNING",
    )
    topic = app.topic(options.topic, value_deserializer="json", timestamp_extractor=_event_time)
    frame = app.dataframe(topic).tumbling_window(HOP, grace_ms=timedelta(days=1))
    updates = frame.agg(count=Count(), sum=Sum("value"), min=Min("value"), max=Max("value")).current()
    updates.update(writer.write, metadata=True)
    app.run(count=options.events) if options.events else app.run()
    writer.flush()
    print(json.dumps({"events": writer.seen, "seconds": time.monotonic() - writer.started}), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("broker", "redis", "topic", "group", "state"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--events", type=int, default=0, help="stop after so many; 0 never stops")
    parser.add_argument("--pipeline", type=int, default=1, help="updates in one write to Redis")
    return parser.parse_args()


def _event_time(value: dict[str, object], *_: object) -> int:
    return int(value["at"]) // 1000  # type: ignore[call-overload]


class Writer:
    """Writes each window's newest aggregate to Redis under its key."""

    def __init__(self, address: str, events: int, pipeline: int) -> None:
        host, port = address.split(":")
        self._pipe = redis.Redis(host, int(port)).pipeline(transaction=False)
        self._size, self._events = pipeline, events
        self.seen, self.started = 0, 0.0

    def write(self, window: dict[str, object], key: bytes, *_: object) -> None:
        """Take one update in; it is written when the pipeline is full."""
        self.started = self.started or time.monotonic()
        self.seen += 1
        self._pipe.hset(b"window:" + bytes(key), str(window["start"]), json.dumps(window))
        if self.seen % self._size == 0:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        self._pipe.execute()


if __name__ == "__main__":
    main()
