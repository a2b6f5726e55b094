"""What Airflow learns about the wheel as a provider."""

from __future__ import annotations

from typing import Any

from ai_patterns import __version__


def get_provider_info() -> dict[str, Any]:
    """The provider's description, in Airflow's `provider_info.schema.json`."""
    return {
        "package-name": "ai-patterns-airflow",
        "name": "AI patterns",
        "description": "The ten design patterns of scalable AI systems, built from one typed spec.",
        "versions": [__version__],
    }
