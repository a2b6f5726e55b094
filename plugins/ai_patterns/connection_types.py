"""The connection types of the wheel, and their forms in Airflow's UI.

A form asks for what its hook reads and hides the rest. The drop-in is no provider and has no types of its own; there,
and anywhere, connections of the types `generic` and `http` with the same fields do as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Form = Mapping[str, Any]

FIELDS = frozenset({"host", "schema", "login", "password", "port", "extra"})


def _form(labels: Mapping[str, str], placeholders: Mapping[str, str], **fields: Form) -> Form:
    """A form that shows the fields with labels, as Airflow's `provider_info.schema.json` has it."""
    behaviour = {"hidden-fields": sorted(FIELDS - set(labels)), "relabeling": labels, "placeholders": placeholders}
    return {"ui-field-behaviour": behaviour, "conn-fields": fields}


def _address(host: str, port: int, **labels: str) -> Form:
    shown = {"host": "Host", "port": "Port", "schema": "Scheme (http or https)", **labels}
    return _form(shown, {"host": host, "port": str(port), "schema": "http"})


def _text(label: str, description: str, **schema: Any) -> Form:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}


_STORAGE = {
    "AWS_ENDPOINT_URL": _text("Endpoint", "Of an object store that is not Amazon's, such as http://minio:9000."),
    "AWS_REGION": _text("Region", "Where the bucket lies."),
    "AWS_ACCESS_KEY_ID": _text("Access key", "Empty: the machine's own credentials."),
    "AWS_SECRET_ACCESS_KEY": _text("Secret key", "It is masked in logs.", format="password"),
}
_TILES = {"tiles": _text("Online tiles", "URL, such as redis://redis:6379/0; empty: SQLite beside the repository.")}

_FORMS: Mapping[str, tuple[str, str, Form]] = {
    "lake": (
        "lake.LakeHook",
        "Lake",
        _form(
            {"host": "Folder or URI", "extra": "Other storage options"},
            {"host": "s3://bucket/lake, hdfs://namenode:8020/lake or /data/lake"},
            **_STORAGE,
        ),
    ),
    "mlflow": ("mlflow.MLflowHook", "MLflow", _address("mlflow or sqlite:////data/mlflow.db", 5000)),
    "online_store": (
        "feature_store.FeatureStoreHook",
        "Feature store",
        _form({"host": "Folder of the Feast repositories"}, {"host": "/data/feast"}, **_TILES),
    ),
    "serving": ("serving.ServingHook", "Inference service", _address("inference", 8090, password="API key")),  # noqa: S106
    "prometheus": ("prometheus.PrometheusHook", "Prometheus", _address("prometheus", 9090)),
    "flink": ("flink.FlinkSqlGatewayHook", "Flink SQL gateway", _address("flink", 8083)),
    "kubeflow": (
        "kubeflow.KubeflowHook",
        "Kubeflow Pipelines",
        _address("ml-pipeline", 8888, password="Bearer token"),  # noqa: S106
    ),
}


def connection_types() -> list[dict[str, Any]]:
    """Each type under the id of its default connection, with hook and form."""
    return [
        {
            "connection-type": f"ai_patterns_{name}",
            "hook-class-name": f"ai_patterns.hooks.{hook}",
            "hook-name": f"AI patterns: {title}",
            **form,
        }
        for name, (hook, title, form) in _FORMS.items()
    ]
