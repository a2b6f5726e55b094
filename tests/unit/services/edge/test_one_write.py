"""An application that answers whole, over real connections, is told apart from one that sends messages by nobody."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
import uvicorn

from ai_patterns.services.edge.one_write import OneWriteProtocol, whole_of

ASKED = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 5_000_000
taken: list[bool] = []


async def app(scope, receive, send) -> None:
    """Answers with its path, whole where the server takes that."""
    body = b"x" * LARGE if scope["path"] == "/large" else scope["path"].encode()
    whole, headers = whole_of(scope), [(b"content-type", b"text/plain")]
    taken.append(scope["path"] != "/messages" and whole is not None and whole(200, headers, body))
    if not taken[-1]:
        headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, http=OneWriteProtocol, ws="none", lifespan="off", log_level="warning")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield listener.getsockname()
        server.should_exit = True
        thread.join()


@pytest.fixture(autouse=True)
def _forget() -> None:
    taken.clear()


@pytest.fixture
def client(address: tuple[str, int]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{address[0]}:{address[1]}") as client:
        yield client


def test_both_ways_say_the_same(client: httpx.Client) -> None:
    whole, sent = client.get("/one"), client.get("/messages")
    assert taken == [True, False]
    assert (whole.text, sent.text) == ("/one", "/messages")
    assert {name for name in whole.headers if whole.headers[name] == sent.headers[name]} == {
        "content-type",
        "date",
        "server",
    }
    assert set(whole.headers) == set(sent.headers)


def test_a_connection_is_kept(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=10) as connection:
        for path in (b"/a", b"/b", b"/c"):
            connection.sendall(ASKED % path)
            assert connection.recv(65536).endswith(b"\r\n\r\n" + path)
    assert taken == [True] * 3


def test_requests_that_come_at_once_are_answered_in_order(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(ASKED % b"/a" + ASKED % b"/messages" + ASKED % b"/c")
        told = b""
        while not told.endswith(b"/c"):
            told += connection.recv(65536)
    assert told.index(b"\r\n\r\n/a") < told.index(b"\r\n\r\n/messages") < told.index(b"\r\n\r\n/c")


@pytest.mark.parametrize("request_line", [b"GET /a HTTP/1.0\r\n\r\n", b"GET /a HTTP/1.1\r\nConnection: close\r\n\r\n"])
def test_a_connection_that_ends_is_told_so(address: tuple[str, int], request_line: bytes) -> None:
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(request_line)
        told = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b"connection: close" in told
    assert told.endswith(b"\r\n\r\n/a")
    assert taken == [False]


def test_a_head_comes_without_its_body(client: httpx.Client) -> None:
    answers = [client.head("/a"), client.get("/b")]
    assert [answer.text for answer in answers] == ["", "/b"]
    assert taken == [False, True]


def test_a_long_answer_comes_whole(client: httpx.Client) -> None:
    answers = [client.get("/large") for _ in range(3)]
    assert {len(answer.content) for answer in answers} == {LARGE}
