"""Waits for the inference service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import Context

from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.hooks.serving import ServingHook
from ai_patterns.sensors.deferring import DeferringSensor
from ai_patterns.triggers.service_ready import ServiceReadyTrigger


class ServiceReadySensor(DeferringSensor):
    """Waits until the inference service has loaded a model.

    Args:
        serving_conn_id: connection of the service.
        kwargs: as of `DeferringSensor`.
    """

    template_fields: Sequence[str] = ("serving_conn_id",)

    def __init__(self, *, serving_conn_id: str = ServingHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.serving_conn_id = serving_conn_id

    def trigger(self, context: Context) -> ServiceReadyTrigger:  # noqa: ARG002  the same for every run
        """The trigger that waits for the same service."""
        url = f"{ServingHook(self.serving_conn_id).url}/v2/health/ready"
        return ServiceReadyTrigger(url=url, poll_interval=self.poke_interval)

    def look(self, context: Context) -> str | None:  # noqa: ARG002  the same for every run
        """The address, once the service is ready."""
        service = ServingHook(self.serving_conn_id)
        try:
            return service.url if service.is_ready() else None
        except ServiceUnavailableError as error:
            self.log.info("%s", error)
            return None
