"""Clients that ask without pause while a test does something to what answers."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx


@dataclass
class Load:
    """What the clients saw: answers by what `read` made of them, and what went wrong."""

    answers: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.answers.values())


@contextmanager
def steady_load(
    ask: Callable[[httpx.Client], httpx.Response], read: Callable[[httpx.Response], str], clients: int = 3
) -> Iterator[Load]:
    """Ask until the block ends: `clients` that keep their connection, and one that opens a new one each time."""
    load, stop, lock = Load(), threading.Event(), threading.Lock()

    def once(client: httpx.Client) -> None:
        try:
            response = ask(client)
            with lock:
                if response.status_code == 200:
                    load.answers[read(response)] += 1
                else:
                    load.lost.append(f"{response.status_code} {response.text[:200]}")
        except httpx.HTTPError as error:
            load.lost.append(repr(error))

    def keeping() -> None:
        with httpx.Client(timeout=30) as client:
            while not stop.is_set():
                once(client)

    def opening() -> None:
        while not stop.is_set():
            with httpx.Client(timeout=30) as client:
                once(client)

    threads = [threading.Thread(target=work) for work in (*[keeping] * clients, opening)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        stop.set()
        for thread in threads:
            thread.join()
