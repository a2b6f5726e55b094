"""The exported pipeline trains a champion in Kubeflow's own local runner; KServe's own model knows every field."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from kfp import local
from kfp.components import load_component_from_file

from ai_patterns.cli import main
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.ledger import read_promotions
from ai_patterns.clients.mlflow import CHAMPION, Registry
from ai_patterns.spec.loading import load_system
from ai_patterns.starter import write_starter
from client_environments import run_client

DAYS = "2024-01-01/2024-01-28"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kubeflow")
    write_starter(folder / "systems" / "well_pumps")
    return folder


@pytest.fixture(scope="module")
def exported(home: Path) -> Path:
    folder = home / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AI_PATTERNS_SYSTEMS", str(home / "systems"))
        command = ["export", "kubeflow", "well_pumps", "--image", "registry.example/pumps:7", "--output", str(folder)]
        assert main([*command, "--env", "AI_PATTERNS_LAKE=s3://lake?a=b"]) == 0
    return folder


def test_the_exported_pipeline_trains_and_promotes(home: Path, exported: Path, monkeypatch) -> None:
    monkeypatch.setenv("AI_PATTERNS_HOME", str(home))
    monkeypatch.setenv("AI_PATTERNS_SYSTEMS", str(home / "systems"))
    pipeline = load_component_from_file(str(exported / "pipeline.yaml"))
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(home / "runs"))
    pipeline(days=DAYS)

    system = load_system(home / "systems" / "well_pumps")
    (line,) = read_promotions(Lake(str(home / ".run" / "lake"), system.name))
    assert (line.action, line.version, line.previous) == ("promoted", 1, None)
    assert "Kubeflow run" in str(line.reason)
    assert Registry(f"sqlite:///{home}/.run/mlflow.db", system.name).alias(CHAMPION) == 1


def test_steps_run_in_the_image_with_the_environment(exported: Path) -> None:
    executors = yaml.safe_load((exported / "pipeline.yaml").read_text())["deploymentSpec"]["executors"]
    containers = [executor["container"] for executor in executors.values()]
    assert len(containers) == 5
    for container in containers:
        assert container["image"] == "registry.example/pumps:7"
        assert container["env"] == [{"name": "AI_PATTERNS_LAKE", "value": "s3://lake?a=b"}]
        assert "pip install" not in json.dumps(container["command"]), "the image holds what a step needs"


def test_no_step_is_answered_from_a_cache_and_each_may_run_again(exported: Path) -> None:
    tasks = yaml.safe_load((exported / "pipeline.yaml").read_text())["root"]["dag"]["tasks"]
    assert [task["retryPolicy"]["maxRetryCount"] for task in tasks.values()] == [2] * 5
    assert [task["cachingOptions"] for task in tasks.values()] == [{}] * 5


def test_kserve_knows_every_field(repository: Path, exported: Path) -> None:
    manifest = exported / "inference_service.yaml"
    kept = json.loads(run_client(repository, "kserve", "kserve_manifest.py", manifest))
    assert kept == yaml.safe_load(manifest.read_text())
    assert kept["metadata"]["name"] == "well-pumps"
    assert "api-key" not in str(kept["spec"]["predictor"]["containers"][0]["env"][0])


def test_export_refuses_a_variable_without_a_value(home: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("AI_PATTERNS_SYSTEMS", str(home / "systems"))
    assert main(["export", "kubeflow", "well_pumps", "--image", "x", "--env", "LAKE"]) == 1
    assert "--env takes NAME=VALUE, not 'LAKE'" in capsys.readouterr().err
