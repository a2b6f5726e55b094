"""What the image, the chart, the pod template and KServe's manifest say of one another agrees."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from ai_patterns import __version__
from ai_patterns.core.kubeflow import USER


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return found


def test_everything_runs_as_one_user(repository: Path) -> None:
    template = read(repository / "include/kubernetes/pod_template.yaml")
    pod = (repository / "charts/ai-patterns/templates/_pod.tpl").read_text("utf-8")
    image = (repository / "include/docker/service.Dockerfile").read_text("utf-8")
    assert template["spec"]["securityContext"]["runAsUser"] == USER
    assert f"runAsUser: {USER}\n" in pod
    assert f"\nUSER {USER}:{USER}\n" in image


def test_the_chart_is_of_the_packages_version(repository: Path) -> None:
    assert read(repository / "charts/ai-patterns/Chart.yaml")["appVersion"] == __version__


def test_tasks_in_pods_find_what_celerys_workers_find(repository: Path) -> None:
    (task,) = read(repository / "include/kubernetes/pod_template.yaml")["spec"]["containers"]
    workers = read(repository / "charts/airflow-values.yaml")
    assert task["name"] == "base"
    assert task["image"] == ":".join(workers["images"]["airflow"].values())
    assert [each for each in task["env"] if each["name"].startswith("AI_PATTERNS")] == workers["env"]
    assert yaml.safe_load(workers["extraEnvFrom"]) == task["envFrom"]
    assert task["volumeMounts"] == workers["volumeMounts"]


def test_the_services_packages_are_a_share_of_the_lock(repository: Path) -> None:
    def pinned(path: Path) -> set[str]:
        return set(re.findall(r"^([\w.-]+==[\w.]+)", path.read_text("utf-8"), re.MULTILINE))

    services = pinned(repository / "include/docker/services.lock")
    assert services
    assert services <= pinned(repository / "requirements.lock"), "run `make lock`"
    assert not [package for package in services if package.startswith(("apache-airflow", "pyspark", "scikit-learn"))]
