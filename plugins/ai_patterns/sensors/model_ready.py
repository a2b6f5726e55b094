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
    """Waits until an alias of a model points to a version, newer than `newer_than`.

    Args:
        system: name of the system, or the folder that holds its `system.yaml`; its model is meant.
        model: instead of it, the name of any registered model.
        alias: the alias.
        newer_than: the version must be greater than this.
        mlflow_conn_id: connection of the registry.
        kwargs: as of `DeferringSensor`.
    """

    template_fields: Sequence[str] = ("system", "model", "alias", "newer_than")

    def __init__(
        self,
        *,
        system: str | Path | None = None,
        model: str | None = None,
        alias: Literal["champion", "challenger"] = "champion",
        newer_than: int | str = 0,
        mlflow_conn_id: str = MLflowHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if (system is None) == (model is None):
            raise ValueError("ModelReadySensor waits for the model of a `system` or for a registered `model`: give one")
        self.system, self.model = None if system is None else str(system), model
        self.alias, self.newer_than = alias, newer_than
        self.mlflow_conn_id = mlflow_conn_id

    def trigger(self, context: Context) -> ModelReadyTrigger:  # noqa: ARG002  the same for every run
        """The trigger that waits for the same version."""
        return ModelReadyTrigger(
            tracking_uri=MLflowHook(self.mlflow_conn_id).tracking_uri,
            model=self.model or find_system(str(self.system)).name,
            alias=self.alias,
            newer_than=int(self.newer_than),
            poll_interval=self.poke_interval,
        )

    def look(self, context: Context) -> int | None:
        """The version, once it is there."""
        return self.trigger(context).look()
