"""The inference service as a resource of KServe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ai_patterns.spec.system import SystemSpec

PORT = 8080
USER = 50000


def inference_service(system: SystemSpec, *, image: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """A manifest of KServe's `InferenceService`, `serving.kserve.io/v1beta1`, with the server as its own container.

    Clients need a key, which is read from the secret `<system>-inference`, entry `api-key`; it is not made here.

    Args:
        system: the system that is served.
        image: an image that holds this project with the extra `serving`, and its systems.
        environment: what the server finds in its environment, such as `AI_PATTERNS_LAKE`.
    """
    name = system.name.replace("_", "-")
    key = {"secretKeyRef": {"name": f"{name}-inference", "key": "api-key"}}
    variables: list[dict[str, Any]] = [{"name": item, "value": value} for item, value in environment.items()]
    container = {
        "name": "kserve-container",
        "image": image,
        "command": ["ai-patterns", "serve", system.name],
        "args": ["--host", "0.0.0.0", "--port", str(PORT)],  # noqa: S104  a container's own network
        "env": [*variables, {"name": "AI_PATTERNS_API_KEY", "valueFrom": key}],
        "ports": [{"containerPort": PORT, "protocol": "TCP"}],
        "livenessProbe": _probe("live"),
        "readinessProbe": _probe("ready"),
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "2Gi"}},
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}],  # noqa: S108  the container's own
    }
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name},
        "spec": {
            "predictor": {
                "minReplicas": 2,
                "scaleMetric": "concurrency",
                "containers": [container],
                "volumes": [{"name": "scratch", "emptyDir": {}}],
            }
        },
    }


def _probe(health: str) -> dict[str, Any]:
    return {"httpGet": {"path": f"/v2/health/{health}", "port": PORT}, "periodSeconds": 5}
