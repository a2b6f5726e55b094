"""The cluster form says nothing that the code does not know."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from ai_patterns.clients.home import Home
from ai_patterns.hooks.feature_store import FeatureStoreHook
from ai_patterns.hooks.flink import FlinkSqlGatewayHook
from ai_patterns.hooks.kafka import KafkaHook
from ai_patterns.hooks.lake import LakeHook
from ai_patterns.hooks.mlflow import MLflowHook
from ai_patterns.hooks.prometheus import PrometheusHook
from ai_patterns.hooks.serving import EMBEDDED, ServingHook
from ai_patterns.operators.spark_features import CONN_ID as SPARK
from ai_patterns.runtimes.statsd_exporter import AIRFLOW as AIRFLOW_METRICS
from ai_patterns.runtimes.statsd_exporter import MODULE as STATSD_EXPORTER
from ai_patterns.services.features.settings import read_settings as read_features
from ai_patterns.services.feedback.settings import read_settings as read_feedback
from ai_patterns.services.inference.settings import read_settings
from ai_patterns.services.stream_worker.settings import read_settings as read_stream_worker

HOOKS = (LakeHook, FeatureStoreHook, MLflowHook, ServingHook, KafkaHook, FlinkSqlGatewayHook, PrometheusHook)
AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer", "celery-worker")
SERVICES = {
    "features": ("ai_patterns.services.features", read_features),
    "inference": ("ai_patterns.services.inference", read_settings),
    "feedback": ("ai_patterns.cli", read_feedback),
    "stream-worker": ("ai_patterns.services.stream_worker", read_stream_worker),
}


@pytest.fixture(scope="module")
def text(repository: Path) -> str:
    return (repository / "docker-compose.yaml").read_text("utf-8")


@pytest.fixture(scope="module")
def services(text: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)["services"]
    return found


@pytest.fixture(scope="module")
def connections(services: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    environment = services["scheduler"]["environment"]
    prefix = "AIRFLOW_CONN_"
    return {
        name.removeprefix(prefix).lower(): json.loads(value)
        for name, value in environment.items()
        if name.startswith(prefix)
    }


def mounts(service: dict[str, Any]) -> set[str]:
    return {item.split(":")[1] for item in service.get("volumes", [])}


def test_each_connection_is_one_that_a_hook_looks_for(connections) -> None:
    assert set(connections) == {SPARK, *(hook.default_conn_name for hook in HOOKS)}


def test_connections_lead_to_services_and_mounted_folders(services, connections) -> None:
    for conn_id in ("ai_patterns_mlflow", "ai_patterns_serving", "ai_patterns_flink", "ai_patterns_prometheus"):
        assert connections[conn_id]["host"] in services
        assert str(connections[conn_id]["port"]) in str(services[connections[conn_id]["host"]]["healthcheck"])
    brokers = connections["ai_patterns_kafka"]["extra"]["bootstrap.servers"]
    assert services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{brokers}"
    for name in ("stream-worker", "inference"):
        assert services[name]["environment"]["AI_PATTERNS_KAFKA"] == brokers
    assert connections[SPARK]["host"] in services["spark-worker"]["command"]
    for conn_id in ("ai_patterns_lake", "ai_patterns_online_store"):
        assert connections[conn_id]["host"].startswith("/data/")
        assert connections[conn_id]["host"] in services["prepare"]["command"][0]
    assert all("/data" in mounts(services[name]) for name in (*AIRFLOW, "inference"))


def test_the_home_agrees_with_the_connections(services, connections) -> None:
    home = Home.from_environment(services["scheduler"]["environment"])
    mlflow = connections["ai_patterns_mlflow"]
    assert home.lake == connections["ai_patterns_lake"]["host"]
    assert str(home.features) == connections["ai_patterns_online_store"]["host"]
    assert home.tracking == f"http://{mlflow['host']}:{mlflow['port']}"
    assert f"--port {mlflow['port']} " in services["mlflow"]["command"]
    assert f"--artifacts-destination {next(iter(mounts(services['mlflow'])))}" in services["mlflow"]["command"]


def filled(service: dict[str, Any]) -> dict[str, str]:
    """A service's environment as it is where only secrets are given."""
    text = {name: re.sub(r"\$\{\w+:-(\w+)\}", r"\1", value) for name, value in service["environment"].items()}
    return {name: re.sub(r"\$\{\w+:\?[^}]*\}", "shop=secret", value) for name, value in text.items()}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_runs_as_its_settings_say(services, repository: Path, name: str) -> None:
    module, read = SERVICES[name]
    service, settings = services[name], read([], filled(services[name]))
    assert service["command"][0] == module
    assert (settings.host, settings.port) == ("0.0.0.0", type(settings).port)  # noqa: S104
    assert service["ports"] == [f"127.0.0.1:{settings.port}:{settings.port}"]
    assert f"localhost:{settings.port}/" in service["healthcheck"]["test"][1]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    exposed = re.search(
        r"^EXPOSE (.*)$", (repository / service["build"]["dockerfile"]).read_text("utf-8"), re.MULTILINE
    )
    assert exposed is not None
    assert str(settings.port) in exposed.group(1).split()
    scraped = yaml.safe_load((repository / "include/prometheus/prometheus.yml").read_text("utf-8"))["scrape_configs"]
    assert [{"targets": [f"{name}:{settings.port}"]}] in [job["static_configs"] for job in scraped]


def test_the_inference_service_reads_every_variable(services, connections) -> None:
    settings = read_settings([], filled(services["inference"]))
    assert settings.system_folder.as_posix() == "/app/include/systems/flights"
    assert settings.lake == connections["ai_patterns_lake"]["host"]
    assert settings.feature_repo.as_posix() == f"{connections['ai_patterns_online_store']['host']}/flights"
    assert (settings.host, settings.port) == ("0.0.0.0", connections["ai_patterns_serving"]["port"])  # noqa: S104
    assert str(settings.port) == EMBEDDED.rpartition(":")[2]
    assert settings.open_predictions
    assert settings.api_key


def test_there_is_no_variable_that_the_package_does_not_read(repository: Path, text: str) -> None:
    package = "".join(path.read_text("utf-8") for path in (repository / "plugins/ai_patterns").rglob("*.py"))
    named = set(re.findall(r"^ +(AI_PATTERNS_\w+):", text, re.MULTILINE))
    assert named
    assert [name for name in named if f'"{name}"' not in package] == []


def test_no_secret_has_a_value_and_each_is_explained(repository: Path, text: str) -> None:
    required = set(re.findall(r"\$\{(\w+):\?", text))
    example = dict(
        line.split("=", 1) for line in (repository / ".env.example").read_text("utf-8").splitlines() if line[0] != "#"
    )
    assert {name for name, value in example.items() if not value} == required
    for name in re.findall(r"^ +(\w*(?:SECRET|KEY|PASSWORD)\w*): *+(?!\"?\$\{\w+:\?)", text, re.MULTILINE):
        pytest.fail(f"{name} is written down")


def test_every_service_tells_its_health(services) -> None:
    assert [name for name, service in services.items() if name != "prepare" and "healthcheck" not in service] == []


def test_every_service_has_a_limit_and_an_image_of_one_version(services) -> None:
    for name, service in services.items():
        assert re.fullmatch(r"\d+[gm]", service["mem_limit"]), name
        assert "build" in service or re.fullmatch(r"[\w./-]+:v?\d[\w.-]*", service["image"]), name


def test_versions_are_those_of_the_local_runtimes(services, repository: Path) -> None:
    package, pins = repository / "plugins/ai_patterns/runtimes", (repository / "requirements.txt").read_text("utf-8")
    kafka, flink = ((package / f"{name}_pom.xml").read_text("utf-8") for name in ("kafka", "flink"))
    assert f"<version>{services['kafka']['image'].partition(':')[2]}</version>" in kafka
    assert f"pyspark=={services['spark']['image'].partition(':')[2]}\n" in pins
    assert services["statsd-exporter"]["image"].partition(":")[2] == STATSD_EXPORTER.partition("@")[2]
    image = (repository / services["flink-jobmanager"]["build"]["dockerfile"]).read_text("utf-8")
    assert re.findall(r"flink:([\d.]+)", image) == re.findall(r"<flink.version>([\d.]+)<", flink)


def test_ports_are_open_to_this_machine_alone(services) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert len({port.split(":")[1] for port in ports}) == len(ports)


def test_the_file_keeps_to_the_specification(text: str) -> None:
    document = yaml.safe_load(text)
    assert set(PyCompose.from_yaml(json.dumps(document)).service_names()) == set(document["services"])
    document["services"]["redis"]["helthcheck"] = {}
    with pytest.raises(ValueError, match="helthcheck"):
        PyCompose.from_yaml(json.dumps(document))


def test_volumes_are_declared(text: str, services) -> None:
    declared = set(yaml.safe_load(text)["volumes"])
    named = {item.split(":")[0] for service in services.values() for item in service.get("volumes", [])}
    assert {name for name in named if not name.startswith("./")} == declared


def test_files_that_the_containers_need_are_there(repository: Path, services) -> None:
    built = [service["build"] for service in services.values() if isinstance(service.get("build"), dict)]
    assert all((repository / build["dockerfile"]).is_file() for build in built)
    assert (repository / "include/docker/mlflow.sql").is_file()


def test_metrics_go_from_airflow_to_grafana(repository: Path, services) -> None:
    environment = services["scheduler"]["environment"]
    for name, value in AIRFLOW_METRICS.items():
        assert environment[f"AIRFLOW__METRICS__{name}"] == value
    assert environment["AIRFLOW__METRICS__STATSD_HOST"] in services
    settings = yaml.safe_load((repository / "include/prometheus/prometheus.yml").read_text("utf-8"))
    scraped = [target for job in settings["scrape_configs"] for target in job["static_configs"][0]["targets"]]
    alerted = [
        target for job in settings["alerting"]["alertmanagers"] for target in job["static_configs"][0]["targets"]
    ]
    assert {target.split(":")[0] for target in (*scraped, *alerted)} <= set(services)
    source = yaml.safe_load((repository / "include/grafana/datasource.yml").read_text("utf-8"))["datasources"][0]["url"]
    assert source.removeprefix("http://").split(":")[0] in services
    mounted = [item for service in services.values() for item in service.get("volumes", []) if item.startswith("./")]
    assert all((repository / item.split(":")[0]).exists() for item in mounted)
