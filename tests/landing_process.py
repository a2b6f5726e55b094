"""A landing, or a replay, in a process of its own, to be killed: from outside, or by itself at one of its steps."""

import datetime as dt
import multiprocessing
import os
import resource
import signal
import sys
from dataclasses import dataclass
from multiprocessing import forkserver

import pytest

from ai_patterns.clients.kafka import Broker
from ai_patterns.clients.lake import Lake
from ai_patterns.errors import AIPatternsError
from ai_patterns.jobs import dead_letters, landing
from plant import plant

STEPS = ("landing.py", "landed.py", "fenced_table.py", "kafka_transactions.py", "dead_letters.py", "lake.py")


def forks():
    """A context whose processes are forks of one that has imported this module, so they begin at once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["landing_process"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        forkserver.ensure_running()
    return context


@dataclass(frozen=True)
class Order:
    """What a process does.

    Attributes:
        address: the broker.
        uri: the lake.
        topic: the topic of the plant's readings.
        fatal: the step (a call in one of `STEPS`) at which it kills itself, 0 for none.
        seconds: how long it lands; 0: up to the end of now.
        room: bytes that a file may have, as on a full disk; 0 for any number.
    """

    address: str
    uri: str
    topic: str
    fatal: int = 0
    seconds: float = 0.0
    room: int = 0


def run(order: Order, told) -> None:
    """Land the plant's readings; `told` gets the number of steps, or the error."""
    taken = 0

    def count(frame, event, argument) -> None:
        nonlocal taken
        if event.endswith("call") and frame.f_code.co_filename.endswith(STEPS):
            taken += 1
            if taken == order.fatal:
                os.kill(os.getpid(), signal.SIGKILL)

    if order.room:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (order.room, order.room))
    landing.BATCH_SECONDS = 0.2  # many commits
    until = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=order.seconds) if order.seconds else None
    sys.setprofile(count)
    try:
        landing.land(plant(order.topic), Lake(order.uri, "plant"), Broker(order.address), "readings", until=until)
    except AIPatternsError as error:
        told.put(f"{type(error).__name__}: {error}")
    else:
        told.put(taken)
    finally:
        sys.setprofile(None)


def replay_and_die(address: str, topic: str, letter: int) -> None:
    """Replay the plant's dead letters, three a transaction, and be killed at the n-th letter."""
    plain, dead_letters._BATCH = dead_letters._record, 3
    seen = 0

    def count(found):
        nonlocal seen
        seen += 1
        if seen == letter:
            os.kill(os.getpid(), signal.SIGKILL)
        return plain(found)

    dead_letters._record = count
    dead_letters.replay(plant(topic), Broker(address), "readings")
