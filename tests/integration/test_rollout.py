"""A rollout loses no request, also when it fails, and when it is killed between any two of its steps."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ai_patterns.errors import ContractError, ServiceUnavailableError, SpecError
from ai_patterns.jobs import microservices
from ai_patterns.runtimes import process_group, runtime
from rollout_site import SERVICE, balancer, rollout
from steady_load import steady_load


@pytest.fixture
def home(tmp_path: Path, require_program, monkeypatch) -> Iterator[Path]:
    require_program("haproxy")
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / f"{SERVICE}.json").write_text('{"paths": {"/": {"get": {"responses": {"200": {}}}}}}')
    monkeypatch.setattr(microservices, "artefact", lambda name: tmp_path / name)
    balancer(tmp_path).up()
    try:
        rollout(tmp_path, "1").run()
        yield tmp_path
    finally:
        rollout(tmp_path, "1", replicas=0).run()
        balancer(tmp_path).down()
        assert not any(process_group.groups(folder) for folder in (tmp_path / SERVICE).iterdir())


def load(home: Path):
    url = balancer(home).url_of(SERVICE)
    return steady_load(lambda client: client.get(url), lambda response: str(response.json()["version"]))


def versions(home: Path) -> list[str]:
    return [replica.generation for replica in rollout(home, "?").running().values()]


def test_every_request_is_answered_while_versions_follow_each_other(home: Path) -> None:
    with load(home) as seen:
        for version in ("2", "3", "4", "5"):
            assert rollout(home, version).run() == {"replicas": 2, "started": 2, "stopped": 2}
    assert seen.lost == []
    assert set(seen.answers) == {"1", "2", "3", "4", "5"}
    assert httpx.get(balancer(home).url_of(SERVICE)).json()["version"] == "5"


def test_what_is_so_already_is_left_alone(home: Path) -> None:
    before = {place: replica.groups for place, replica in rollout(home, "1").running().items()}
    assert rollout(home, "1").run() == {"replicas": 2, "started": 0, "stopped": 0}
    assert {place: replica.groups for place, replica in rollout(home, "1").running().items()} == before


def test_more_and_fewer_replicas(home: Path) -> None:
    with load(home) as seen:
        assert rollout(home, "1", replicas=4).run() == {"replicas": 4, "started": 2, "stopped": 0}
        assert rollout(home, "1", replicas=1).run() == {"replicas": 1, "started": 0, "stopped": 3}
    assert seen.lost == []


@pytest.mark.parametrize(
    ("how", "error", "told"),
    [
        ("breaking", ContractError, r"GET /: is gone.*include/contracts/quick.json"),
        ("dying", ServiceUnavailableError, "cannot start: a setting is missing"),
        ("unready", ServiceUnavailableError, "does not answer"),
    ],
)
def test_a_version_that_must_not_serve_changes_nothing(home: Path, monkeypatch, how, error, told) -> None:
    if how == "unready":
        monkeypatch.setattr(runtime.Runtime, "patience", 6.0)
    with load(home) as seen:
        with pytest.raises(error, match=f"(?s){told}"):
            rollout(home, "2", how).run()
        assert versions(home) == ["1", "1"]
    assert seen.lost == []
    assert set(seen.answers) == {"1"}


def test_more_replicas_than_places_are_refused(home: Path) -> None:
    with pytest.raises(SpecError, match="quick can have 0 to 7 replicas, not 8"):
        rollout(home, "2", replicas=8)


def killed_deployer(home: Path, version: str, step: int) -> int | None:
    """Roll out in a process that is killed before a step; the number of its steps where it was not."""
    command = [sys.executable, str(Path(__file__).parents[1] / "rollout_process.py"), str(home), version, str(step)]
    path = os.pathsep.join([str(home), *sys.path])
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path}, timeout=120
    )
    if done.returncode == -signal.SIGKILL:
        return None
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_a_deployer_that_is_killed_at_any_moment_is_taken_up(home: Path, pytestconfig: pytest.Config) -> None:
    stride = 1 if pytestconfig.getoption("--crash-points") >= 1000 else 5
    (home / "sitecustomize.py").write_text(
        f"from pathlib import Path\nfrom ai_patterns.jobs import microservices\n"
        f"microservices.artefact = lambda name: Path({str(home)!r}) / name\n"
    )
    step, version = 1, 1
    with load(home) as seen:
        while True:
            step, version = step + stride, version + 1
            if killed_deployer(home, str(version), step) is not None:
                break
            rollout(home, str(version)).run()
            assert versions(home) == [str(version)] * 2, step
            states = balancer(home).traffic()
            serving = [
                place for (name, place), seen_as in states.items() if seen_as.status == "UP" and place != "BACKEND"
            ]
            assert len(serving) == 2, (step, states)
    assert step > 15, "a rollout has more steps"
    assert seen.lost == []


def test_a_replica_that_is_killed_loses_no_request_and_is_replaced(home: Path) -> None:
    with load(home) as seen:
        for _ in range(3):
            victim = next(iter(rollout(home, "1").running().values()))
            for group in victim.groups:
                os.killpg(group, signal.SIGKILL)
            assert rollout(home, "1").run()["replicas"] == 2
    assert seen.lost == []


def test_a_balancer_that_is_killed_finds_its_replicas_again(home: Path) -> None:
    for group in balancer(home).groups:
        os.killpg(group, signal.SIGKILL)
    balancer(home).up()
    rollout(home, "1").run()
    assert json.loads(httpx.get(balancer(home).url_of(SERVICE)).text)["version"] == "1"


def test_only_its_owner_may_steer_the_balancer(home: Path) -> None:
    assert (home / "haproxy" / "admin.sock").stat().st_mode & 0o777 == 0o600
