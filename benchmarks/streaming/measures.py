"""Throughput, freshness and memory of a side."""

from __future__ import annotations

import random
import statistics
import time
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from streaming.sides import Ours, Quixstreams, Running
from streaming.stage import KEYS, START, Stage, event

Side = Ours | Quixstreams

_WAIT_SECONDS = 600.0
_numbers = count()


def throughput(services: Stage, side: Side, events: int, repeats: int) -> float:
    """Events a second from the first that is finished to the last; the median of some turns."""
    rates = []
    for _ in range(repeats):
        topic = f"clicks-{next(_numbers)}"
        services.fill(topic, events)
        with side.reading(topic) as running:
            first, started = _until(running, 1), time.monotonic()
            _until(running, events)
            rates.append((events - first) / (time.monotonic() - started))
        print(f"{type(side).__name__}: {rates[-1]:,.0f} events/s", flush=True)
    return statistics.median(rates)


def values(services: Stage, side: Side, events: int) -> dict[str, Any]:
    """What is read online of every key for the hour before 01:25, when the last event is one minute old."""
    topic = f"clicks-{next(_numbers)}"
    services.fill(topic, events)
    at = START.replace(microsecond=0, second=0) + timedelta(hours=1, minutes=25)
    with side.reading(topic) as running:
        _until(running, events)
        return {key: running.value(key, at) for key in (f"key-{number}" for number in range(KEYS))}


def agree(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Refuse to take a time of two sides that hold different values."""
    held = {key: value if value and value["count"] else None for key, value in ours.items()}
    wrong = [key for key, value in theirs.items() if value != held[key]]
    if wrong or not any(theirs.values()):
        told = [(key, ours[key], theirs[key]) for key in wrong[:1]]
        raise AssertionError(f"{len(wrong)} keys differ, such as {told}")


LEAST_PROBES = 20
"""A side that falls behind is waited for until so many events were read."""


def freshness(services: Stage, side: Side, rate: int, seconds: int) -> dict[str, float]:
    """Milliseconds from handing an event to Kafka until it is read online, under load."""
    topic, rng = f"clicks-{next(_numbers)}", random.Random(9)  # noqa: S311
    ages = []
    with services.stream(topic, rate), side.reading(topic) as running, services.broker.producer() as producer:
        _until(running, rate)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline or len(ages) < LEAST_PROBES:
            key, sent = f"probe-{len(ages)}", time.monotonic()
            producer.send(topic, event(len(ages), datetime.now(UTC), key, rng))
            producer.flush()
            while running.value(key, datetime.now(UTC)) is None:
                time.sleep(0.001)
            ages.append((time.monotonic() - sent) * 1000)
            time.sleep(0.05)
    cuts = statistics.quantiles(ages, n=100)
    print(f"{type(side).__name__}: {len(ages)} probes, median {cuts[49]:.0f} ms", flush=True)
    return {"p50": cuts[49], "p99": cuts[98]}


def memory(services: Stage, side: Side, rate: int, minutes: int) -> dict[str, float]:
    """Resident memory in the last fifth of the time over that in the second fifth."""
    topic, samples = f"clicks-{next(_numbers)}", []
    with services.stream(topic, rate), side.reading(topic) as running:
        for _ in range(minutes * 12):
            time.sleep(5)
            samples.append(running.resident())
    fifth = max(len(samples) // 5, 1)
    early, late = statistics.mean(samples[fifth : 2 * fifth]), statistics.mean(samples[-fifth:])
    return {"ours": round(late / early, 3), "megabytes": round(late / 2**20)}


def _until(running: Running, events: int) -> int:
    deadline = time.monotonic() + _WAIT_SECONDS
    while (done := running.done()) < events:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{done} of {events} events after {_WAIT_SECONDS} s")
        time.sleep(0.005)
    return done
