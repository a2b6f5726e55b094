"""The training pipeline as Kubeflow Pipelines runs it: five steps in one image, over the installation's own lake.

The bodies of the steps are copied into the compiled pipeline by Kubeflow's SDK, so each imports what it needs; the SDK
reads the annotations of this file, so they are not postponed.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ai_patterns.errors import MissingDependencyError
from ai_patterns.spec.system import SystemSpec

RETRIES = 2
PIPELINE = "pipeline.yaml"
SERVICE = "inference_service.yaml"


def publish_events(system: str, days: str, run_id: str) -> int:
    """Audit and publish the days; the rows that were published."""
    from ai_patterns.core.days import Days
    from ai_patterns.jobs.ingestion import ingest
    from ai_patterns.jobs.installation import open_system

    return sum(ingest(*open_system(system), Days.parse(days), run_id=run_id).published.values())


def build_features(system: str, days: str) -> int:
    """Build tiles and value logs of the days; the changes of value."""
    from ai_patterns.core.days import Days
    from ai_patterns.jobs import features
    from ai_patterns.jobs.installation import open_system

    return sum(features.build_features(*open_system(system), Days.parse(days)).values())


def build_training_set(system: str, days: str) -> int:
    """Write the decisions of the days with their features; their number."""
    from ai_patterns.core.days import Days
    from ai_patterns.jobs import training_set
    from ai_patterns.jobs.installation import open_system

    return training_set.build_training_set(*open_system(system), Days.parse(days))


def train_model(system: str, days: str) -> int:
    """Train a challenger on the days; its version."""
    from ai_patterns.core.days import Days
    from ai_patterns.jobs.installation import open_registry, open_system
    from ai_patterns.jobs.training import train

    return train(*open_system(system), open_registry(system), Days.parse(days)).version


def promote_model(system: str, version: int, run_id: str) -> int:
    """Make the version the champion if it passes every gate; the version that it replaces, 0 for the first."""
    import datetime as dt

    from ai_patterns.jobs.installation import open_registry, open_system
    from ai_patterns.jobs.promotion import promote

    now, reason = dt.datetime.now(dt.UTC), f"Kubeflow run {run_id}"
    return promote(*open_system(system), open_registry(system), version, at=now, reason=reason).previous or 0


def export(system: SystemSpec, folder: Path, *, image: str, environment: Mapping[str, str]) -> tuple[Path, Path]:
    """Write `pipeline.yaml` (KFP v2) and `inference_service.yaml` (KServe v1beta1) of a system.

    Args:
        system: the system, which the image knows under the same name.
        folder: where to write them; it is made.
        image: an image that holds this project with the extra `kubeflow`, and its systems.
        environment: what the steps and the service find in their environment, such as `AI_PATTERNS_LAKE`.

    Raises:
        MissingDependencyError: Kubeflow's SDK is not installed.
    """
    import yaml

    from ai_patterns.core.kubeflow import inference_service

    folder.mkdir(parents=True, exist_ok=True)
    pipeline, service = folder / PIPELINE, folder / SERVICE
    pipeline.write_text(compile_pipeline(system, image=image, environment=environment), "utf-8")
    manifest = inference_service(system, image=image, environment=environment)
    service.write_text(yaml.safe_dump(manifest, sort_keys=False), "utf-8")
    return pipeline, service


def compile_pipeline(system: SystemSpec, *, image: str, environment: Mapping[str, str]) -> str:
    """The training pipeline in Kubeflow's intermediate representation, as YAML; its parameter `days` is a range.

    Raises:
        MissingDependencyError: Kubeflow's SDK is not installed.
    """
    try:
        from kfp import compiler
    except ImportError:
        raise MissingDependencyError("kfp", "kubeflow") from None
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / PIPELINE
        compiler.Compiler().compile(training_pipeline(system, image=image, environment=environment), str(package))
        return package.read_text("utf-8")


def training_pipeline(system: SystemSpec, *, image: str, environment: Mapping[str, str]) -> Any:
    """The training pipeline as an object of Kubeflow's SDK, for its compiler or its local runner.

    Steps write to the lake, so none is answered from Kubeflow's cache, and each may run again after a crash.
    """
    from kfp import dsl

    def task(function: Any, after: Any = None, **arguments: Any) -> Any:
        component = dsl.component(function, base_image=image, install_kfp_package=False)
        step = component(system=system.name, **arguments).set_caching_options(False).set_retry(RETRIES)
        for name, value in environment.items():
            step.set_env_variable(name, value)
        return step.after(after) if after else step

    def training(days: str) -> None:
        run = dsl.PIPELINE_JOB_ID_PLACEHOLDER
        events = task(publish_events, days=days, run_id=run)
        features = task(build_features, events, days=days)
        decisions = task(build_training_set, features, days=days)
        model = task(train_model, decisions, days=days)
        task(promote_model, version=model.output, run_id=run)

    return dsl.pipeline(training, name=f"{system.name.replace('_', '-')}-training", description=system.description)
