"""A challenger in a real server of two workers: a good one goes through, harm is rolled back, no client is hurt."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from airflow.sdk.exceptions import TaskDeferred

import model_rollout_site as rollouts
from ai_patterns.clients.ledger import read_promotions
from ai_patterns.clients.mlflow import CHAMPION, ROLLOUT, Registry
from ai_patterns.clients.rollout_ledger import read_rollouts
from ai_patterns.core.canary import chosen
from ai_patterns.core.ledger import champion
from ai_patterns.core.model_rollout import RolloutLine
from ai_patterns.errors import PromotionRejectedError
from ai_patterns.jobs.model_rollout import advance, begin, end
from ai_patterns.operators.model_rollout import RollOutModelOperator
from ai_patterns.triggers.rollout_due import RolloutDueTrigger
from model_rollout_site import (
    HEADERS,
    HEAVY,
    KEY,
    Site,
    challenge,
    crate,
    failing,
    make_site,
    newest_model,
    now,
    shifting,
    slow,
)
from server_process import Server, running, wait_until
from steady_load import Load, steady_load


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return make_site(tmp_path_factory.mktemp("rollouts"))


@pytest.fixture(scope="module")
def server(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    output = tmp_path_factory.mktemp("server") / "server.log"
    with running(site.command(), output, site.environment()) as server:
        wait_until(lambda: all_of(server, "/ready", 200), 240, output)
        yield server


@pytest.fixture(scope="module")
def spare(site: Site) -> int:
    """A version of the first champion's skill."""
    return challenge(site)


def all_of(server: Server, path: str, status: int) -> bool:
    """Several looks in a row, which fall on all workers."""
    try:
        return all(CLIENT.get(server.url + path).status_code == status for _ in range(8))
    except httpx.TransportError:
        return False


CLOSING = {**HEADERS, "Connection": "close"}
"""A kept connection may be closed by the server in the moment that it is used; this is not about that."""
CLIENT = httpx.Client(headers=HEADERS, timeout=60, limits=httpx.Limits(max_keepalive_connections=0))
"""Opens a connection for each request, so that requests fall on all workers."""


def ask(url: str, row: dict[str, Any], path: str = "/invocations") -> httpx.Response:
    return CLIENT.post(url + path, json={"instances": [row]})


def load(server: Server, **changed: Any) -> Any:
    """Clients that ask about ever new crates; answers by the version that gave them."""
    rng = random.Random(5)
    return steady_load(
        lambda client: client.post(
            f"{server.url}/invocations", json={"instances": [crate(rng, **changed)]}, headers=CLOSING
        ),
        lambda answer: answer.headers["x-model-version"],
    )


def start(site: Site, version: int, name: str) -> RolloutLine:
    return begin(site.system, site.lake, site.registry, version, at=now(), reason="test", request=name)


def look(site: Site, server: Server, name: str) -> RolloutLine:
    read = rollouts.read_counts(server.url)
    return advance(site.system, site.lake, site.registry, read, name, at=now())


def look_until(site: Site, server: Server, name: str, done: Callable[[RolloutLine], bool]) -> RolloutLine:
    """Look until it is so, or the rollout has ended; what the servers counted is shown where neither comes."""
    deadline = time.monotonic() + 600
    while not done(line := look(site, server, name)) and line.running:
        assert time.monotonic() < deadline, (line, rollouts.read_counts(server.url)(line.sequence))
        time.sleep(0.2)
    return line


def roll_out(site: Site, server: Server, version: int, **changed: Any) -> tuple[RolloutLine, Load]:
    """Begin, and look until the rollout has ended, under load."""
    name = f"rollout of {version}"
    with load(server, **changed) as seen:
        start(site, version, name)
        line = look_until(site, server, name, lambda _: False)
    return line, seen


def strict(site: Site) -> Site:
    """Whose deployer allows four times the champion's latency."""
    rollout = site.system.rollout
    assert rollout is not None
    limits = rollout.limits.model_copy(update={"p99_ratio": 4.0})
    return replace(
        site, system=site.system.model_copy(update={"rollout": rollout.model_copy(update={"limits": limits})})
    )


@pytest.mark.parametrize(
    ("harm", "limit", "step", "changed"),
    [
        (shifting, "prediction_shift", 0, {}),
        (slow, "p99_ratio", 0, {}),
        (failing, "error_rate", 0, {"weight": HEAVY}),
    ],
)
def test_what_harms_is_rolled_back_before_it_answers_anybody(
    site: Site, server: Server, harm: Any, limit: str, step: int, changed: dict[str, Any]
) -> None:
    version, before = challenge(site, harm), champion(read_promotions(site.lake))
    line, seen = roll_out(strict(site), server, version, **changed)
    assert (line.action, line.step) == ("rolled_back", step)
    broken = [check["name"] for check in line.evidence["checks"] if check["proven"] > check["limit"]]
    assert broken == [limit], line.evidence
    assert seen.lost == []
    assert set(seen.answers) == {str(before)}
    assert champion(read_promotions(site.lake)) == site.registry.alias(CHAMPION) == before
    assert site.registry.tag(ROLLOUT) is None


def test_what_harms_only_in_canary_costs_no_client_an_answer(site: Site, server: Server) -> None:
    """The crates get too heavy once the failing version answers; the champion answers for it."""
    version, before = challenge(site, failing), champion(read_promotions(site.lake))
    name = "late harm"
    with load(server):
        start(site, version, name)
        line = look_until(site, server, name, lambda line: line.step > 0)
        assert (line.action, line.share) == ("advanced", 0.2), line
        with load(server, weight=HEAVY) as seen:
            line = look_until(site, server, name, lambda _: False)
    assert (line.action, line.step) == ("rolled_back", 1)
    assert "requests failed" in line.reason
    assert seen.lost == []
    assert set(seen.answers) == {str(before)}


def test_a_good_version_goes_through_and_its_task_waits_in_the_triggerer(
    site: Site, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {"LAKE": site.lake.uri, "TRACKING_URI": site.registry.tracking_uri, "SERVING_URL": server.url}
    for name, value in {**places, "API_KEY": KEY}.items():
        monkeypatch.setenv(f"AI_PATTERNS_{name}", value)
    version, before = challenge(site), champion(read_promotions(site.lake))
    task = RollOutModelOperator(task_id="roll_out", system=str(site.system.folder), poll_interval=0.2)
    context = {"params": {}, "run_id": "by hand"}
    with pytest.raises(TaskDeferred) as first:  # no step can be due where nobody asks
        task.execute(context)
    with load(server) as seen:
        summary, waits = run_deferring(task, context, first.value)
    assert summary == {"version": version, "previous": before}
    assert {event for _, event in waits} == {"go_on"}
    assert KEY not in str([trigger.serialize() for trigger, _ in waits])
    assert seen.lost == []
    assert set(seen.answers) == {str(before), str(version)}
    assert champion(read_promotions(site.lake)) == site.registry.alias(CHAMPION) == version
    lines = [line for line in read_rollouts(site.lake) if line.version == version]
    assert [line.action for line in lines] == ["started", "advanced", "advanced", "passed", "promoted"]
    assert [line.share for line in lines] == [0.0, 0.2, 0.5, 0.5, 1.0]
    for line in lines[1:4]:
        assert [check["name"] for check in line.evidence["checks"]] == ["error_rate", "p99_ratio", "prediction_shift"]
    wait_until(lambda: answered(server, crate(random.Random(1))) == version, 240)
    assert task.execute(context) == summary, "asked again, the same run does nothing more"


def run_deferring(task: Any, context: Any, waiting: TaskDeferred) -> tuple[Any, list[tuple[RolloutDueTrigger, str]]]:
    """What a task that waits returns in the end, and what it waited for on the way, as Airflow runs it."""
    waits: list[tuple[RolloutDueTrigger, str]] = []
    while True:
        waits.append((waiting.trigger, asyncio.run(next_event(waiting.trigger))))
        try:
            return getattr(task, waiting.method_name)(context, waits[-1][1]), waits
        except TaskDeferred as again:
            waiting = again


async def next_event(trigger: RolloutDueTrigger) -> str:
    """What the trigger fires with."""
    async with asyncio.timeout(180):
        return str((await anext(trigger.run())).payload)


@pytest.fixture(scope="class")
def canary(site: Site, server: Server, spare: int) -> Iterator[RolloutLine]:
    """A rollout that stands at its first share and waits there."""
    with load(server):
        start(site, spare, "canary")
        line = look_until(site, server, "canary", lambda line: line.share > 0)
    assert (line.action, line.share) == ("advanced", 0.2), line
    routed(server, str(spare), "canary", line.share)
    yield line
    end(site.system, site.lake, site.registry, at=now(), reason="enough")
    wait_until(lambda: {answered(server, crate(random.Random(seed))) for seed in range(40)} == {line.champion}, 240)


def routed(server: Server, version: str, name: str, share: float) -> None:
    """Wait until all workers send a key where it belongs."""
    rng = random.Random(2)
    row = next(row for row in iter(lambda: crate(rng), None) if chosen(name, (row["crate"],), share))
    wait_until(lambda: all(ask(server.url, row).headers["x-model-version"] == version for _ in range(12)), 240)


class TestCanary:
    """One canary for several tests."""

    def test_a_key_keeps_its_version_and_a_named_version_is_what_it_says(
        self, site: Site, server: Server, canary: RolloutLine
    ) -> None:
        before, version, rng = canary.champion, canary.version, random.Random(7)
        rows = {row["crate"]: row for row in (crate(rng) for _ in range(40))}
        expected = {name: version if chosen("canary", (name,), 0.2) else before for name in rows}
        assert set(expected.values()) == {before, version}
        for _ in range(2):
            assert {name: answered(server, row) for name, row in rows.items()} == expected
        row = next(row for name, row in rows.items() if expected[name] == version)
        named = ask(server.url, row, f"/v1/models/orchard/versions/{before}:predict")
        assert named.json()["model_version"] == before
        others = {name: before if told == version else version for name, told in expected.items()}
        wait_until(lambda: logged(site, "shadow_predictions", "shadow", rows) == others, 240)
        del rows[row["crate"]], expected[row["crate"]]  # asked of both
        wait_until(lambda: logged(site, "predictions", "online", rows) == expected, 240)

    def test_counts_are_exact_over_two_workers_and_a_kill(self, server: Server, canary: RolloutLine) -> None:
        read, rng, pid = rollouts.read_counts(server.url), random.Random(11), server.process.pid

        def requests() -> int:
            found = read(canary.sequence)
            return sum(found.champion.latency) + sum(found.challenger.latency)

        def is_settled(expected: int) -> bool:
            found = read(canary.sequence)
            return requests() == expected == found.pairs + found.shed

        wait_until(lambda: is_settled(requests()), 240)
        before = requests()
        for _ in range(100):
            assert ask(server.url, crate(rng)).status_code == 200
        wait_until(lambda: is_settled(before + 100), 240)
        victim = children(pid)[0]
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: victim not in children(pid) and len(children(pid)) == 2, 240, server.output)
        wait_until(lambda: all_of(server, "/ready", 200), 240, server.output)
        assert requests() == before + 100
        for _ in range(50):
            assert ask(server.url, crate(rng)).status_code == 200
        wait_until(lambda: is_settled(before + 150), 240)
        (told,) = [row for row in CLIENT.get(f"{server.url}/metrics").text.splitlines() if is_requests_of(row, canary)]
        assert float(told.rpartition(" ")[2]) == read(canary.sequence).challenger.requests


def is_requests_of(row: str, line: RolloutLine) -> bool:
    """Whether a line of the metrics counts the new version's requests."""
    labels = f'{{role="challenger",step="{line.sequence}",version="{line.version}"}}'
    return row.startswith(f"ai_patterns_inference_rollout_requests_total{labels}")


def answered(server: Server, row: dict[str, Any]) -> int:
    answer = ask(server.url, row)
    assert answer.headers["x-model-version"] == str(answer.json()["model_version"])
    return int(answer.json()["model_version"])


def logged(site: Site, table: str, mode: str, crates: Collection[str]) -> dict[str, int]:
    """The version that scored each crate, as a table tells it."""
    if not site.lake.exists(table):
        return {}
    found = [row for row in site.lake.read(table).to_pylist() if row["crate"] in crates]
    assert {row["mode"] for row in found} <= {mode}
    versions = {(row["crate"], row["model_version"]) for row in found}
    assert len(versions) == len(dict(versions)), "two versions for one key"
    return dict(versions)


def children(pid: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_only_who_has_the_key_reads_the_counts(server: Server) -> None:
    assert httpx.get(f"{server.url}/admin/rollouts/1", timeout=60).status_code == 401
    assert httpx.get(f"{server.url}/admin/rollouts/1", headers={"X-API-Key": "no"}, timeout=60).status_code == 401


def test_of_two_rollouts_at_once_one_is_refused(site: Site, spare: int) -> None:
    start(site, spare, "first")
    try:
        with pytest.raises(PromotionRejectedError, match="another rollout runs"):
            start(site, spare, "second")
        assert start(site, spare, "first").action == "started"
    finally:
        end(site.system, site.lake, site.registry, at=now(), reason="enough")
    assert [line.action for line in read_rollouts(site.lake)][-3:] == ["started", "refused", "rolled_back"]


def test_a_version_that_no_server_can_load_is_rolled_back(site: Site, server: Server) -> None:
    """Its file is cut short after the review, before any server is told of it."""
    version, before = challenge(site), champion(read_promotions(site.lake))
    file = newest_model(site)
    content = file.read_bytes()

    class Cutting(Registry):
        def set_tag(self, name: str, text: str) -> None:
            file.write_bytes(content[: len(content) // 2])
            super().set_tag(name, text)

    with load(server) as seen:
        registry = Cutting(site.registry.tracking_uri, site.system.name)
        line = begin(site.system, site.lake, registry, version, at=now(), reason="test", request="cut")
        deadline = time.monotonic() + 240
        while line.running and time.monotonic() < deadline:
            time.sleep(0.2)
            line = look(site, server, "cut")
    assert (line.action, line.step, line.reason) == ("rolled_back", 0, "a server could not load it")
    assert seen.lost == []
    assert set(seen.answers) == {str(before)}
