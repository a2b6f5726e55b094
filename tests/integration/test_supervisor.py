"""Workers of a supervisor are killed in every state that a connection can have."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from server_process import Server, running, wait_until
from supervised_app import LARGE

ASKED = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"
REFUSED = b"HTTP/1.1 502 Bad Gateway\r\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    program = Path(__file__).parents[1] / "supervised_app.py"
    with running([sys.executable, str(program)], tmp_path / "server.log", {}) as server:
        wait_until(lambda: both_work(server), 30, server.output)
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[socket.socket]:
    with connect(server) as connection:
        yield connection


def test_who_waits_for_an_answer_is_told_to_ask_again(client: socket.socket) -> None:
    worker = ask(client)
    client.sendall(ASKED % b"/slow")
    os.kill(worker, signal.SIGKILL)
    head, _, body = read_all(client).partition(b"\r\n\r\n")
    assert head.startswith(REFUSED)
    assert b"retry-after: 1" in head
    assert f"content-length: {len(body)}".encode() in head
    assert b"send it again" in body


def test_a_request_that_no_worker_read_is_refused_too(client: socket.socket) -> None:
    worker = ask(client)
    os.kill(worker, signal.SIGSTOP)
    client.sendall(ASKED % b"/")
    os.kill(worker, signal.SIGKILL)
    assert read_all(client).startswith(REFUSED)


@pytest.mark.parametrize("asked_before", [True, False])
def test_a_connection_of_which_a_worker_read_nothing_goes_to_another(server: Server, asked_before: bool) -> None:
    with ExitStack() as opened:
        clients = [opened.enter_context(connect(server)) for _ in range(10)]
        time.sleep(0.2)  # all of them are taken
        for worker in workers(server):
            os.kill(worker, signal.SIGSTOP)
        if asked_before:
            for client in clients:
                client.sendall(ASKED % b"/")
        (first, second) = workers(server)
        os.kill(first, signal.SIGKILL)
        os.kill(second, signal.SIGCONT)
        if not asked_before:
            time.sleep(0.2)
            for client in clients:
                client.sendall(ASKED % b"/")
        assert {answer_of(client) for client in clients} == {second}


def test_a_body_on_its_way_does_not_reset_the_refusal(client: socket.socket) -> None:
    """To close a connection in which bytes wait resets it, and the client never reads what was told."""
    worker = ask(client)
    client.sendall(b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n" + b"x" * 1_000_000)
    os.kill(worker, signal.SIGKILL)
    for _ in range(9):
        client.sendall(b"x" * 1_000_000)
    assert read_all(client).startswith(REFUSED)


def test_who_waits_for_nothing_may_take_the_refusal_for_the_end(server: Server) -> None:
    with httpx.Client(base_url=server.url) as client:
        first = int(client.get("/").text)
        os.kill(first, signal.SIGKILL)
        answers = [client.get("/") for _ in range(3)]
    assert {answer.status_code for answer in answers} <= {200, 502}
    assert [answer.status_code for answer in answers].count(502) <= 1
    assert int(answers[-1].text) != first


def test_who_was_told_to_go_on_sending_is_refused_too(client: socket.socket) -> None:
    worker = ask(client)
    client.sendall(b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
    assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
    os.kill(worker, signal.SIGKILL)
    assert read_all(client).startswith(REFUSED)


def test_nothing_is_added_to_an_answer_that_was_cut_short(client: socket.socket) -> None:
    worker = ask(client)
    client.sendall(ASKED % b"/large")
    told = client.recv(1000)
    os.kill(worker, signal.SIGKILL)
    _, _, body = (told + read_all(client)).partition(b"\r\n\r\n")
    assert 0 < len(body) < LARGE
    assert set(body) == set(b"x")


def test_a_long_answer_that_was_read_leaves_nothing_behind(client: socket.socket) -> None:
    worker = ask(client)
    client.sendall(ASKED % b"/large")
    head, _, body = client.recv(1000).partition(b"\r\n\r\n")
    left = LARGE - len(body)
    while left:
        left -= len(client.recv(min(left, 65536)))
    time.sleep(0.2)  # the worker is told that its last bytes have left
    client.sendall(ASKED % b"/slow")
    os.kill(worker, signal.SIGKILL)
    assert head.startswith(b"HTTP/1.1 200")
    assert read_all(client).startswith(REFUSED)


def test_the_other_worker_goes_on_and_another_is_started(server: Server) -> None:
    with ExitStack() as opened:
        clients = [opened.enter_context(connect(server)) for _ in range(20)]
        askers = [ask(client) for client in clients]
        first, second = sorted(set(askers))
        os.kill(first, signal.SIGKILL)
        for client, worker in zip(clients, askers, strict=True):
            if worker == first:
                assert read_all(client).startswith(REFUSED)
            else:
                assert ask(client) == second
        with connect(server) as later:
            assert ask(later) == second
            wait_until(lambda: fresh(server) not in {first, second}, 30, server.output)
    assert server.terminate() == 0


def test_connections_wait_while_no_worker_lives(server: Server) -> None:
    with connect(server) as one, connect(server) as two:
        for worker in (ask(one), ask(two)):
            os.kill(worker, signal.SIGKILL)
        read_all(one)
        read_all(two)
        assert httpx.get(server.url, timeout=30).status_code == 200


def test_many_short_connections_leave_no_descriptor(server: Server) -> None:
    folder = Path(f"/proc/{server.process.pid}/fd")
    before = len(list(folder.iterdir()))
    for _ in range(300):
        fresh(server)
    wait_until(lambda: len(list(folder.iterdir())) <= before, 10)


def test_a_connection_that_is_closed_by_the_worker_ends_for_the_client(server: Server) -> None:
    with connect(server) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert read_all(client).startswith(b"HTTP/1.1 200")


def test_what_is_open_is_answered_before_the_end(server: Server) -> None:
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(httpx.get(server.url + "/busy", timeout=30)))
    asking.start()
    wait_until(lambda: answers or threading.Event().wait(0.2) is False, 10)
    assert server.terminate() == 0
    asking.join()
    assert [answer.status_code for answer in answers] == [200]


def test_workers_end_with_a_supervisor_that_is_killed(server: Server) -> None:
    worker = fresh(server)
    server.process.kill()
    server.process.wait()
    wait_until(lambda: not Path(f"/proc/{worker}").exists(), 30, server.output)


def test_what_a_hanging_worker_was_given_is_answered_by_another_in_the_end(server: Server) -> None:
    hanging = fresh(server)
    os.kill(hanging, signal.SIGSTOP)
    with ExitStack() as opened:
        given = [opened.enter_context(asking(server)) for _ in range(2)]
        time.sleep(0.4)
        later = [opened.enter_context(asking(server)) for _ in range(20)]
        assert hanging not in {answer_of(client) for client in later}
        os.kill(hanging, signal.SIGKILL)
        assert hanging not in {answer_of(client) for client in given}


def test_a_worker_that_was_asked_to_end_gets_no_connection(server: Server) -> None:
    ending = fresh(server)
    with connect(server) as one, connect(server) as two:
        for client in (one, two):
            client.sendall(ASKED % b"/slow")
        time.sleep(0.2)
        os.kill(ending, signal.SIGTERM)  # and it waits two seconds for its open request
        time.sleep(0.5)
        assert ending not in {fresh(server) for _ in range(10)}
    wait_until(lambda: both_work(server), 30, server.output)


def test_connections_are_shared_evenly(server: Server) -> None:
    with ExitStack() as opened:
        clients = [opened.enter_context(connect(server)) for _ in range(600)]
        shares = Counter(ask(client) for client in clients)
    assert len(shares) == 2
    assert min(shares.values()) >= 250  # one that is late for a moment gets fewer


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=30)


def workers(server: Server) -> list[int]:
    pid = server.process.pid
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def both_work(server: Server) -> bool:
    with connect(server) as one, connect(server) as two:
        return ask(one) != ask(two)


def ask(connection: socket.socket) -> int:
    """The worker that has the connection."""
    connection.sendall(ASKED % b"/")
    return answer_of(connection)


def asking(server: Server) -> socket.socket:
    connection = connect(server)
    connection.sendall(ASKED % b"/")
    return connection


def answer_of(connection: socket.socket) -> int:
    """The worker that answers."""
    head, _, body = connection.recv(1000).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    return int(body)


def fresh(server: Server) -> int:
    with connect(server) as connection:
        return ask(connection)


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))
