"""Waits for a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from airflow.sdk import Context

from ai_patterns.hooks.mlflow import MLflowHook
from ai_patterns.hooks.systems import find_system
from ai_patterns.sensors.deferring import DeferringSensor
from ai_patterns.triggers.model_ready import ModelReadyTrigger


class ModelReadySensor(DeferringSensor):
    """Waits until an alias of the system's model points to a version, newer than `newer_than`.

    Args:
        system: name of the system, or the folder that holds its `system.yaml`.
        alias: the alias.
        newer_than: the version must be greater than this.
        mlflow_conn_id: connection of the registry.
        kwargs: as of `DeferringSensor`.
    """

    template_fields: Sequence[str] = ("system", "alias", "newer_than")

    def __init__(
        self,
        *,
        system: str | Path,
        alias: Literal["champion", "challenger"] = "champion",
        newer_than: int | str = 0,
        mlflow_conn_id: str = MLflowHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.system, self.alias, self.newer_than = str(system), alias, newer_than
        self.mlflow_conn_id = mlflow_conn_id

    def trigger(self, context: Context) -> ModelReadyTrigger:  # noqa: ARG002  the same for every run
        """The trigger that waits for the same version."""
        return ModelReadyTrigger(
            tracking_uri=MLflowHook(self.mlflow_conn_id).tracking_uri,
            system=find_system(self.system).name,
            alias=self.alias,
            newer_than=int(self.newer_than),
            poll_interval=self.poke_interval,
        )

    def look(self, context: Context) -> int | None:
        """The version, once it is there."""
        return self.trigger(context).look()
