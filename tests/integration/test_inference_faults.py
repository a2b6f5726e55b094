"""The service under load while its model is swapped, its workers are killed, its limits are met."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import bakery
from ai_patterns.runtimes.haproxy import HAProxy
from inference_site import KEY, Site, environment, site
from server_process import Server, running, wait_until
from soak_figures import add_figures
from steady_load import steady_load

__all__ = ["site"]

ROW = {"order_id": 1, "placed_at": "2024-01-03T12:30:00Z", "shop": 1, "product": "rye", "grams": 0.5, "gift": False}
BODY = {"instances": [ROW]}
HEADERS = {"X-API-Key": KEY}
DROPPED = "dropped"


class Askers:
    """Threads that ask for one prediction after the other and note what came: (seconds, status, version, score)."""

    def __init__(self, url: str, count: int = 3) -> None:
        self._url, self._stop = url, threading.Event()
        self.answers: list[tuple[float, Any, int | None, float | None]] = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]

    def __enter__(self) -> Askers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(httpx.TransportError), httpx.Client(base_url=self._url, timeout=30) as client:
                while not self._stop.is_set():
                    self._once(client)

    def _once(self, client: httpx.Client) -> None:
        started = time.perf_counter()
        try:
            answer = client.post("/invocations", json={"instances": [ROW]}, headers=HEADERS)
        except httpx.TransportError:
            self.answers.append((time.perf_counter() - started, DROPPED, None, None))
            raise
        body = answer.json()
        score = body.get("predictions", [None])[0]
        self.answers.append((time.perf_counter() - started, answer.status_code, body.get("model_version"), score))


@pytest.fixture
def server(site: Site, tmp_path: Path) -> Iterator[Server]:
    with running(site.command(), tmp_path / "server.log", environment()) as server:
        wait_until(lambda: httpx.get(server.url + "/ready", timeout=30).status_code == 200, 60, server.output)
        yield server


def test_swaps_drop_no_request(site: Site, server: Server, request: pytest.FixtureRequest) -> None:
    swaps: int = request.config.getoption("--swaps")
    other = bakery.register_champion(site.registry, site.system, seed=9)
    try:
        written = site.lake.version("predictions")
        with Askers(server.url) as quiet:
            wait_until(lambda: len(quiet.answers) > max(300, 10 * swaps), 120)
            # The first write of the log brings Delta into the process, half as much again as it held before.
            wait_until(lambda: site.lake.version("predictions") > written + 1, 120)
        with Askers(server.url):
            swap(site, server, 2, (other, 1))  # the first ones bring what two models under load take
        before = resident(server.process.pid)
        with Askers(server.url) as asked:
            answered = swap(site, server, swaps, (1, other))
    finally:
        site.registry.set_alias("champion", 1)
    assert answered == [(1, other)[number % 2] for number in range(swaps)]
    assert {status for _, status, _, _ in asked.answers} == {200}
    scores = {(version, score) for _, _, version, score in asked.answers}
    assert len(scores) == 2, "a version gave two scores for one row"
    assert {version for version, _ in scores} == {1, other}
    size = resident(server.process.pid)
    assert size <= 1.1 * before
    figures = {"swaps": swaps, "answers": len(asked.answers), "errors": 0}
    figures |= {"p99_us": p99(asked), "p99_us_without": p99(quiet), "kilobytes": size, "first": before}
    add_figures(request.config.getoption("--figures"), "swaps under load", figures)


def swap(site: Site, server: Server, swaps: int, versions: tuple[int, int]) -> list[int]:
    """Swap in another process, whose work is not that of the askers here; the versions that answered."""
    registry = site.registry
    names = [registry.tracking_uri, site.system.name, server.url, KEY, str(swaps), *map(str, versions)]
    script = Path(__file__).parents[1] / "model_swapper.py"
    told = subprocess.run(
        [sys.executable, script, *names], check=True, capture_output=True, env={**os.environ, **environment()}
    )
    return json.loads(told.stdout)


def test_killed_workers_are_replaced(site: Site, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    kills, rng = request.config.getoption("--worker-kills"), random.Random(3)
    command = [*site.command(), "--workers", "2"]
    with running(command, tmp_path / "server.log", environment()) as server:
        pid = server.process.pid
        wait_until(lambda: all_ready(server), 60, server.output)
        with Askers(server.url) as asked:
            for _ in range(kills):
                victim = rng.choice(children(pid))
                os.kill(victim, signal.SIGKILL)
                wait_until(lambda gone=victim: gone not in children(pid) and len(children(pid)) == 2, 60, server.output)
                assert ask_once(server.url) in {200, 502, 503}
                wait_until(lambda: all_ready(server), 60, server.output)
        assert server.terminate() == 0
        assert children(pid) == []
    statuses = [status for _, status, _, _ in asked.answers]
    assert set(statuses) <= {200, 502, 503}
    assert statuses.count(502) <= 3 * kills  # what a killed worker was asked, and none beside
    assert len({score for _, status, _, score in asked.answers if status == 200}) == 1
    figures = {name: statuses.count(status) for name, status in (("ok", 200), ("lost worker", 502), ("later", 503))}
    add_figures(request.config.getoption("--figures"), "killed workers", {"kills": kills, **figures})


@pytest.fixture
def front(tmp_path: Path, require_program) -> Iterator[HAProxy]:
    require_program("haproxy")
    balancer = HAProxy(tmp_path / "haproxy", {"inference": "/ready"})
    balancer.up()
    yield balancer
    balancer.down()


def test_killed_workers_behind_the_balancer_cost_no_request(
    site: Site, tmp_path: Path, front: HAProxy, request: pytest.FixtureRequest
) -> None:
    kills, rng = request.config.getoption("--worker-kills"), random.Random(4)
    with running([*site.command(), "--workers", "2"], tmp_path / "server.log", environment()) as server:
        pid = server.process.pid
        wait_until(lambda: all_ready(server), 60, server.output)
        front.send_to("inference", "r1", address(server)[1])
        url = front.url_of("inference")
        with steady_load(lambda client: client.post(f"{url}/invocations", json=BODY, headers=HEADERS), version) as seen:
            for _ in range(kills):
                before = seen.total
                victim = rng.choice(children(pid))
                os.kill(victim, signal.SIGKILL)
                wait_until(lambda gone=victim: gone not in children(pid) and len(children(pid)) == 2, 60, server.output)
                wait_until(lambda: all_ready(server), 60, server.output)
                wait_until(lambda least=before: seen.total > least + 20, 60, server.output)
    assert seen.lost == [], (len(seen.lost), seen.total)
    assert set(seen.answers) == {"1"}
    figures = {"kills": kills, "ok": seen.total, "lost": len(seen.lost)}
    add_figures(request.config.getoption("--figures"), "killed workers behind the balancer", figures)


def version(answer: httpx.Response) -> str:
    return str(answer.json()["model_version"])


def test_an_answer_leaves_in_one_piece(server: Server) -> None:
    """What a balancer has read the head of, it can no longer ask another worker for."""
    body = json.dumps(BODY).encode()
    head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with socket.create_connection(address(server), timeout=30) as connection:
        for _ in range(100):
            connection.sendall(head + body)
            told, _, answer = connection.recv(65536).partition(b"\r\n\r\n")
            assert told.startswith(b"HTTP/1.1 200")
            assert json.loads(answer)["model_version"] == 1


def test_a_model_cut_short_leaves_the_old_one(site: Site, server: Server) -> None:
    version = bakery.register(site.registry, site.system, seed=4)
    file = max((site.folder / "mlflow" / "artifacts").glob("**/model.onnx"), key=lambda path: path.stat().st_mtime)
    content = file.read_bytes()
    try:
        file.write_bytes(content[: len(content) // 2])
        site.registry.set_alias("champion", version)
        answer = httpx.post(server.url + "/admin/reload", headers=HEADERS, timeout=30)
        assert answer.status_code == 503
        assert "damaged" in answer.json()["message"]
        assert ask_once(server.url) == 200
    finally:
        file.write_bytes(content)
        site.registry.set_alias("champion", 1)


def test_hundred_megabytes_are_refused_at_once(server: Server) -> None:
    started = time.monotonic()
    with socket.create_connection(address(server)) as connection:
        head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\nContent-Length: {100 * 2**20}\r\n\r\n"
        connection.sendall(head.encode() + b"x" * 65536)
        assert connection.recv(64).startswith(b"HTTP/1.1 413")
    assert time.monotonic() - started < 5
    assert ask_once(server.url) == 200


def test_slow_callers_hold_nobody_up(server: Server) -> None:
    slow = [socket.create_connection(address(server)) for _ in range(50)]
    for connection in slow:
        head = f"POST /invocations HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\nContent-Length: 1000\r\n\r\n{{"
        connection.sendall(head.encode())
    assert ask_once(server.url) == 200
    slow[0].settimeout(20)
    assert slow[0].recv(64).startswith(b"HTTP/1.1 408")
    for connection in slow:
        connection.close()


def test_too_much_at_once_is_told_to_come_back(site: Site, tmp_path: Path) -> None:
    command = [*site.command(), "--waiting-rows", "4"]
    with running(command, tmp_path / "server.log", environment()) as server:
        wait_until(lambda: all_ready(server), 60, server.output)
        answers: list[httpx.Response] = []
        body = {"instances": [ROW] * 3}

        def ask() -> None:
            answers.extend(
                httpx.post(server.url + "/invocations", json=body, headers=HEADERS, timeout=30) for _ in range(20)
            )

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {answer.status_code for answer in answers} == {200, 503}
    refused = [answer for answer in answers if answer.status_code == 503]
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}


def all_ready(server: Server) -> bool:
    """Several looks in a row, which fall on all workers."""
    try:
        return all(httpx.get(server.url + "/ready", timeout=30).status_code == 200 for _ in range(8))
    except httpx.TransportError:
        return False


def ask_once(url: str) -> int:
    return httpx.post(url + "/invocations", json={"instances": [ROW]}, headers=HEADERS, timeout=30).status_code


def address(server: Server) -> tuple[str, int]:
    return "127.0.0.1", int(server.url.rpartition(":")[2])


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(text) for text in listed.read_text().split()] if listed.exists() else []


def resident(pid: int) -> int:
    """Kilobytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def p99(asked: Askers) -> int:
    taken = sorted(seconds for seconds, *_ in asked.answers)
    return int(taken[int(len(taken) * 0.99)] * 1e6)
