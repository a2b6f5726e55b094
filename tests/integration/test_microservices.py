"""A system's real services are deployed, replaced under load, held to their contracts and scaled."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

import bakery
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.mlflow import Registry
from ai_patterns.core.scaling import ScalingRule
from ai_patterns.errors import SpecError
from ai_patterns.jobs.feature_store import apply_repository, materialize
from ai_patterns.jobs.labels import read_landed
from ai_patterns.jobs.microservices import (
    FRONTED,
    Places,
    balancer,
    check_contracts,
    deploy,
    kept_contract,
    stop,
)
from ai_patterns.jobs.scaling import scale
from ai_patterns.operators.microservices import CheckContractsOperator, DeployServiceOperator
from ai_patterns.runtimes.replica import Replica
from ai_patterns.spec.system import SystemSpec
from inference_site import NOON
from server_process import wait_until
from steady_load import steady_load

ROW = {"order_id": 1, "placed_at": "2024-01-03T12:30:00Z", "shop": 1, "product": "rye", "grams": 0.5, "gift": False}
REQUESTS = {
    "inference": ("/invocations", {"dataframe_records": [ROW], "params": {"decided_at": "2024-01-03T13:00:00Z"}}),
    "features": (
        "/get-online-features",
        {"features": ["shop_now:bakes_1h", "shop_now:minutes_3h"], "entities": {"shop": [1, 2]}},
    ),
}
READ = {
    "inference": lambda answer: str(answer["predictions"]),
    "features": lambda answer: str([column["values"] for column in answer["results"]]),
    "feedback": str,
}
KEY = {"X-API-Key": "sesame"}


@dataclass(frozen=True)
class Site:
    system: SystemSpec
    places: Places
    home: Path

    def deploy(self, service: str, **how: Any) -> dict[str, int]:
        return deploy(self.system, self.places, service, **how)

    def label(self, prediction_id: str, label: object, key: dict[str, str] = KEY) -> Any:
        body = {"labels": [{"prediction_id": prediction_id, "label": label}]}
        return httpx.post(self.url("feedback") + "/labels", json=body, headers=key, timeout=30).json()

    def url(self, service: str) -> str:
        return balancer(self.system).url_of(service)

    def replicas(self, service: str) -> list[Replica]:
        folders = sorted((self.home / ".run" / "services" / "bakery" / service).glob("r*"))
        found = [Replica(folder, (), {}, "/ready") for folder in folders if folder.is_dir()]
        return [replica for replica in found if replica.groups]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, require_program) -> Iterator[Site]:
    require_program("haproxy")
    home, system = tmp_path_factory.mktemp("microservices"), bakery.bakery()
    lake, registry = Lake(str(home / "lake"), system.name), Registry(f"sqlite:///{home}/mlflow.db", system.name)
    bakery.publish(lake, system)
    bakery.register_champion(registry, system, seed=1)
    apply_repository(system, lake, home / "feast" / system.name)
    materialize(system, lake, home / "feast" / system.name, NOON)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AI_PATTERNS_HOME", str(home))
        patch.setenv("AI_PATTERNS_WRITE_KEYS", "shop=sesame")
        patch.setenv("AI_PATTERNS_FLUSH_SECONDS", "0.2")
        site = Site(system, Places(lake.uri, registry.tracking_uri, home / "feast"), home)
        try:
            for service in FRONTED:
                assert site.deploy(service) == {"replicas": 1, "started": 1, "stopped": 0}
            yield site
        finally:
            stop(system, site.places)
            assert not [replica for service in FRONTED for replica in site.replicas(service)]


@pytest.fixture(scope="module")
def prediction(site: Site) -> str:
    """Id of a prediction that was served and logged, and whose label has landed."""
    path, body = REQUESTS["inference"]
    answer = httpx.post(site.url("inference") + path, json=body, timeout=30).json()
    (prediction_id,) = answer["prediction_ids"]
    lake = Lake(site.places.lake, site.system.name)

    def logged() -> bool:
        return lake.exists("predictions") and prediction_id in lake.read("predictions")["prediction_id"].to_pylist()

    wait_until(logged, 30)
    assert site.label(prediction_id, 7.5) == {"landed": 1, "corrected": 0, "repeated": 0, "refused": []}
    return str(prediction_id)


def asking(site: Site, service: str, prediction: str) -> Any:
    path, body = REQUESTS.get(service, ("/labels", {"labels": [{"prediction_id": prediction, "label": 7.5}]}))
    url = site.url(service) + path
    return steady_load(
        lambda client: client.post(url, json=body, headers=KEY), lambda response: READ[service](response.json())
    )


@pytest.mark.parametrize("service", FRONTED)
def test_a_service_is_replaced_under_load(site: Site, service: str, prediction: str) -> None:
    before = {place for replica in site.replicas(service) for place in replica.groups}
    with asking(site, service, prediction) as seen:
        wait_until(lambda: seen.total > 10, 60)
        assert site.deploy(service, restart=f"again {service}") == {"replicas": 1, "started": 1, "stopped": 1}
        replaced = seen.total
        assert site.deploy(service, restart=f"again {service}")["started"] == 0, "the same word replaces nothing"
        assert site.deploy(service)["started"] == 0, "a deployment without the word replaces nothing"
        wait_until(lambda: seen.total > replaced + 10, 60)
    assert seen.lost == []
    assert len(seen.answers) == 1, "every answer is the same"
    assert not before & {place for replica in site.replicas(service) for place in replica.groups}


def test_a_changed_spec_is_deployed_and_nothing_else(site: Site, monkeypatch) -> None:
    assert site.deploy("inference")["started"] == 0
    monkeypatch.setenv("AI_PATTERNS_POLL_SECONDS", "1")
    assert site.deploy("inference") == {"replicas": 1, "started": 1, "stopped": 1}


def test_a_slow_service_gets_a_replica_and_an_idle_one_loses_it(site: Site, prediction: str) -> None:
    with asking(site, "inference", prediction):
        busy = scale(site.system, site.places, "inference", ScalingRule(high=0.001, low=0.0001, most=2))
    assert (busy["before"], busy["replicas"]) == (1, 2)
    assert len(site.replicas("inference")) == 2
    idle = scale(site.system, site.places, "inference", ScalingRule(high=1000, low=100, most=2))
    assert (idle["milliseconds"], idle["replicas"]) == (0, 1)
    assert len(site.replicas("inference")) == 1


@pytest.mark.parametrize("service", FRONTED)
def test_the_kept_contract_is_what_the_service_says(site: Site, service: str) -> None:
    told = httpx.get(site.url(service) + "/openapi.json", timeout=30).json()
    assert told == kept_contract(service), f"write include/contracts/{service}.json again if the change is meant"
    assert check_contracts(site.system)[service] == []


def test_the_dag_deploys_what_runs(site: Site, monkeypatch) -> None:
    for name, value in {
        "LAKE": site.places.lake,
        "TRACKING_URI": site.places.tracking,
        "FEAST": str(site.places.features),
    }.items():
        monkeypatch.setenv(f"AI_PATTERNS_{name}", value)
    context = {"params": {"replicas": 1, "restart": False, "breaking": False}, "run_id": "manual"}
    assert CheckContractsOperator(task_id="c", system=bakery.FOLDER).execute(context) == dict.fromkeys(FRONTED, 0)
    first = DeployServiceOperator(task_id="d", system=bakery.FOLDER, service="features").execute(context)
    again = DeployServiceOperator(task_id="d", system=bakery.FOLDER, service="features").execute(context)
    assert first["replicas"] == 1
    assert again == {"replicas": 1, "started": 0, "stopped": 0}


def test_a_label_of_a_served_prediction_meets_it(site: Site, prediction: str) -> None:
    lake = Lake(site.places.lake, site.system.name)
    assert site.label(prediction, 7.5)["repeated"] == 1
    assert site.label(prediction, 9.0)["corrected"] == 1
    assert site.label("nobody's", 1.0)["refused"] == [
        {"row": 0, "column": "prediction_id", "reason": "no such prediction"}
    ]
    landed = read_landed(site.system, lake, dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1))
    assert landed.sort_by("label_known_at").select(["order_id", "label"]).to_pylist() == [
        {"order_id": 1, "label": 7.5},
        {"order_id": 1, "label": 9.0},
    ]


def test_only_a_known_key_may_send_labels(site: Site, prediction: str) -> None:
    assert site.label(prediction, 1.0, key={}) == {"detail": "the key is missing or wrong"}
    assert site.label(prediction, 1.0, key={"X-API-Key": "guess"}) == {"detail": "the key is missing or wrong"}
    told = httpx.post(site.url("feedback") + "/labels", content=b"{}", headers=KEY, timeout=30)
    assert (told.status_code, told.json()["detail"].partition(";")[0]) == (
        422,
        "Object missing required field `labels`",
    )
    metrics = "".join(httpx.get(replica.url + "/metrics", timeout=30).text for replica in site.replicas("feedback"))
    assert 'ai_patterns_feedback_requests_total{status="401"} 2.0' in metrics


def test_a_service_that_is_not_there_is_refused(site: Site) -> None:
    with pytest.raises(
        SpecError, match="'bakery' has no service 'stream_worker'; it has features, inference, feedback"
    ):
        site.deploy("stream_worker")
