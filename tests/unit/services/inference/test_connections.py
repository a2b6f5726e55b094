"""What a supervisor keeps of its workers' connections, against a worker that is this test."""

from __future__ import annotations

import mmap
import os
import socket
import time
from collections.abc import Iterator

import pytest

from ai_patterns.services.inference import connections as module
from ai_patterns.services.inference.connections import ANSWERING, CLOSED, LEAVING, LOST, MARKS, OPEN, READY, Connections

PLACES = 3


class Worker:
    """The other end of the channel."""

    def __init__(self, connections: Connections) -> None:
        self.channel = socket.socket(fileno=os.dup(connections.pass_on()))
        connections.started()
        message, descriptors, _, _ = socket.recv_fds(self.channel, len(MARKS), 1)
        assert message == MARKS
        self.marks = mmap.mmap(descriptors[0], module.PLACES)
        os.close(descriptors[0])

    def take(self, mark: bytes = OPEN) -> int:
        """Take a connection; its place."""
        place, descriptors, _, _ = socket.recv_fds(self.channel, 4, 1)
        os.close(descriptors[0])
        self.mark(int.from_bytes(place), mark)
        return int.from_bytes(place)

    def mark(self, place: int, mark: bytes) -> None:
        self.marks[place : place + 1] = mark


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Connections:
    monkeypatch.setattr(module, "PLACES", PLACES)
    return Connections()


@pytest.fixture
def worker(connections: Connections) -> Iterator[Worker]:
    worker = Worker(connections)
    yield worker
    worker.channel.close()


def test_it_is_ready_between_its_words(connections: Connections, worker: Worker) -> None:
    assert not connections.ready
    for told, ready in ((READY, True), (LEAVING, False)):
        worker.channel.send(told)
        assert connections.hear()
        assert connections.ready is ready
    worker.channel.close()
    assert not connections.hear()


@pytest.mark.usefixtures("worker")
def test_it_has_no_more_connections_than_places(connections: Connections) -> None:
    assert [connections.give(pair()[0]) for _ in range(PLACES + 1)] == [True] * PLACES + [False]


def test_a_place_is_free_again_once_its_connection_is_closed(connections: Connections, worker: Worker) -> None:
    given = [pair()[0] for _ in range(PLACES)]
    for connection in given:
        connections.give(connection)
    places = [worker.take() for _ in given]
    worker.mark(places[1], CLOSED)
    connections.sweep()
    assert [connection.fileno() < 0 for connection in given] == [False, True, False]
    assert connections.give(pair()[0])
    assert worker.take() == places[1]


def test_the_longer_it_leaves_lying_what_it_was_given_the_later_it_is(connections: Connections, worker: Worker) -> None:
    connections.give(pair()[0])
    assert connections.load() == (0, 1)
    time.sleep(0.3)
    connections.give(pair()[0])
    late, held = connections.load()
    assert late >= 0.3
    assert held == 2
    worker.take()
    assert connections.load() == (0, 2)
    time.sleep(0.3)
    assert 0.3 <= connections.load()[0] < late + 0.3
    worker.take()
    assert connections.load() == (0, 2)


def test_one_that_cannot_be_handed_over_counts_as_nothing(connections: Connections, worker: Worker) -> None:
    connections.give(pair()[0])
    worker.take()
    worker.channel.close()
    assert not connections.give(pair()[0])
    time.sleep(0.3)
    assert connections.load() == (0, 1)


def test_what_a_lost_worker_never_took_is_told_from_what_it_owes(connections: Connections, worker: Worker) -> None:
    owed, begun, untaken = pair(), pair(), pair()
    for (connection, _), mark in ((owed, OPEN), (begun, ANSWERING)):
        connections.give(connection)
        worker.take(mark)
    connections.give(untaken[0])
    worker.channel.close()
    assert connections.lose() == ([untaken[0]], [owed[0]])
    assert owed[1].recv(1000) == LOST
    assert begun[1].recv(1000) == b""
    assert untaken[0].fileno() >= 0


def pair() -> tuple[socket.socket, socket.socket]:
    """A connection and its client."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(5)
    return ours, theirs
