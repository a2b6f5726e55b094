"""The Helm chart: three ways to install it, held against Kubernetes' schemas and against the services' settings."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from ai_patterns.services.features.settings import read_settings as read_features
from ai_patterns.services.feedback.settings import read_settings as read_feedback
from ai_patterns.services.inference.settings import read_settings as read_inference
from ai_patterns.services.stream_worker.metrics import Metrics
from ai_patterns.services.stream_worker.settings import read_settings as read_stream_worker
from kubernetes_tools import helm, kubeconform, packages, write_schema

WAYS = ("shared-volume", "object-store", "inference-alone")
SCHEMAS = {
    "deployment": "apps-v1",
    "service": "v1",
    "pod": "v1",
    "poddisruptionbudget": "policy-v1",
    "horizontalpodautoscaler": "autoscaling-v2",
    "networkpolicy": "networking-v1",
}
SETTINGS = {
    "features": read_features,
    "inference": read_inference,
    "feedback": read_feedback,
    "stream-worker": read_stream_worker,
}


class Chart:
    """The chart, and Helm."""

    def __init__(self, folder: Path, program: Path) -> None:
        self.folder, self._program = folder, program

    def helm(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self._program, *arguments], capture_output=True, text=True, check=False)

    @cache  # noqa: B019 - one chart a module
    def manifests(self, way: str) -> str:
        done = self.helm("template", "flights", self.folder, "--values", self.folder / "ci" / f"{way}-values.yaml")
        assert done.returncode == 0, done.stderr
        return done.stdout

    def found(self, way: str, *kinds: str) -> dict[str, dict[str, Any]]:
        """Resources of these kinds by name."""
        documents = [each for each in yaml.safe_load_all(self.manifests(way)) if each]
        return {each["metadata"]["name"]: each for each in documents if each["kind"] in kinds}


@pytest.fixture(scope="module")
def chart(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Chart:
    return Chart(repository / "charts/ai-patterns", helm(packages(repository), tmp_path_factory.mktemp("helm")))


@pytest.fixture(scope="module")
def conform(repository: Path, require_program, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Holds a file against the schemas; unknown kinds and unknown fields are refused."""
    program, schemas = kubeconform(require_program("go")), tmp_path_factory.mktemp("schemas")
    for kind, group in SCHEMAS.items():
        write_schema(packages(repository), kind, group, schemas / f"{kind}-{group}.json")
    location = f"{schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"

    def check(file: Path) -> subprocess.CompletedProcess[str]:
        command = [program, "-strict", "-summary", "-schema-location", location, file]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return check


@pytest.mark.parametrize("way", WAYS)
def test_the_chart_passes_helm_lint_and_kubeconform(chart: Chart, conform, way: str, tmp_path: Path) -> None:
    done = chart.helm("lint", "--strict", chart.folder, "--values", chart.folder / "ci" / f"{way}-values.yaml")
    assert done.returncode == 0, done.stdout
    file = tmp_path / "manifests.yaml"
    file.write_text(chart.manifests(way), "utf-8")
    checked = conform(file)
    assert checked.returncode == 0, checked.stdout
    file.write_text(
        chart.manifests(way).replace("readOnlyRootFilesystem: true", "readOnlyRootFileSystem: true"), "utf-8"
    )
    assert "readOnlyRootFileSystem" in conform(file).stdout


def test_the_pod_template_conforms(repository: Path, conform) -> None:
    checked = conform(repository / "include/kubernetes/pod_template.yaml")
    assert checked.returncode == 0, checked.stdout


def test_each_service_reads_what_its_pod_is_given(chart: Chart) -> None:
    found = chart.found("object-store", "Deployment")
    assert set(found) == {f"flights-{name}" for name in SETTINGS}
    for name, read in SETTINGS.items():
        (container,) = found[f"flights-{name}"]["spec"]["template"]["spec"]["containers"]
        given = {each["name"]: each.get("value", "shop=secret") for each in container["env"]}
        settings = read([], given)
        assert (settings.host, settings.port) == ("0.0.0.0", container["ports"][0]["containerPort"])  # noqa: S104
        if name == "stream-worker":
            assert settings.share is None, "pods come and go: the group shares the partitions"


@pytest.mark.parametrize("way", WAYS)
def test_no_pod_has_rights_and_each_tells_its_health(chart: Chart, way: str) -> None:
    for resource in chart.found(way, "Deployment").values():
        pod = resource["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container)
        assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("way", WAYS)
def test_secrets_are_named_and_not_made(chart: Chart, way: str) -> None:
    assert chart.found(way, "Secret") == {}
    for resource in chart.found(way, "Deployment").values():
        for each in resource["spec"]["template"]["spec"]["containers"][0]["env"]:
            assert ("KEY" in each["name"]) == ("secretKeyRef" in each.get("valueFrom", {})), each


def test_budgets_autoscaling_and_policies_follow_the_values(chart: Chart) -> None:
    kinds = ("PodDisruptionBudget", "HorizontalPodAutoscaler", "NetworkPolicy")
    assert [len(chart.found("object-store", kind)) for kind in kinds] == [3, 3, 4]
    assert chart.found("inference-alone", *kinds) == {}
    scaled = chart.found("object-store", "HorizontalPodAutoscaler")["flights-inference"]["spec"]
    assert (scaled["minReplicas"], scaled["maxReplicas"], len(scaled["metrics"])) == (3, 10, 2)
    by_lag = chart.found("object-store", "HorizontalPodAutoscaler")["flights-stream-worker"]["spec"]
    assert (by_lag["minReplicas"], by_lag["maxReplicas"]) == (2, 4)
    metric = by_lag["metrics"][0]["pods"]
    assert metric["target"] == {"type": "AverageValue", "averageValue": "5000"}
    told = Metrics()
    told.lag.labels("events").set(7)
    assert f'{metric["metric"]["name"]}{{stream="events"}} 7.0' in told.text().decode(), "the worker tells it"
    worker = chart.found("object-store", "NetworkPolicy")["flights-stream-worker"]["spec"]
    assert [set(source) for rule in worker["ingress"] for source in rule["from"]] == [{"namespaceSelector"}]


def test_a_missing_place_is_named(chart: Chart) -> None:
    done = chart.helm("template", "flights", chart.folder, "--set", "lake=")
    assert "lake: a folder of existingClaim, or a URI" in done.stderr
