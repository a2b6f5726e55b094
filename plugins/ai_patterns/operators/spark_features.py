"""The batch layer on Spark: the same tiles and value logs, made where more data is than one machine holds."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.sdk import BaseHook, Context

from ai_patterns.hooks.lake import LakeHook
from ai_patterns.hooks.partition import days_of
from ai_patterns.hooks.systems import find_system
from ai_patterns.operators.system import announce, never_retried

CONN_ID = "ai_patterns_spark"
EMBEDDED = {"conn_type": "spark", "host": "local[2]"}
PACKAGE = Path(__file__).resolve().parent.parent


class SubmitSparkFeaturesOperator(SparkSubmitOperator):
    """Submits `tiles/<group>` and `values/<group>` of the days to Spark, replacing what was there.

    It is Airflow's `SparkSubmitOperator` with the application, its arguments, Delta's jars and the session's settings
    filled in. The connection says where: `local[4]`, `spark://host:7077`, or `yarn`; without one it is `local[2]` on
    this machine, which is what is under test. YARN's cluster mode needs the provider's `yarn_track_via_rm_api=True`.
    The lake must be in reach of the cluster: `hdfs://`, or a folder that all its machines share.

    Args:
        system: name of the system, or the folder that holds its `system.yaml`.
        days: a day or a range of days; by default the run's.
        lake_conn_id: connection of the lake.
        conn_id: connection of Spark.
        kwargs: as of `SparkSubmitOperator`.
    """

    template_fields: Sequence[str] = (*SparkSubmitOperator.template_fields, "system", "days")

    def __init__(
        self,
        *,
        system: str | Path,
        days: str | None = None,
        lake_conn_id: str = LakeHook.default_conn_name,
        conn_id: str = CONN_ID,
        **kwargs: Any,
    ) -> None:
        super().__init__(conn_id=conn_id, **{"name": "ai-patterns-features", **kwargs})
        self.system, self.days = str(system), days
        self.lake_conn_id, self.conn_id = lake_conn_id, conn_id

    def execute(self, context: Context) -> None:
        """Submit the job, wait for it, and announce the days."""
        from ai_patterns.engines.spark import SETTINGS
        from ai_patterns.runtimes.artefacts import artefact
        from ai_patterns.runtimes.spark import delta_jars

        with never_retried(), tempfile.TemporaryDirectory() as folder:
            spec, days = find_system(self.system), days_of(context, self.days)
            lake = LakeHook(self.lake_conn_id).lake(spec.name)
            self._know_connection()
            self.application = str(artefact("spark/build_features.py"))
            self.application_args = [spec.model_dump_json(), lake.path("").rstrip("/"), str(days)]
            self.jars = ",".join(map(str, delta_jars()))
            self.py_files = _packed(Path(folder))
            self.conf = {**SETTINGS, **(self.conf or {})}
            super().execute(context)
            announce(self, context, days, {"days": str(days)})

    def _know_connection(self) -> None:
        """Airflow's hook takes YARN where there is no connection; here it is this machine."""
        try:
            BaseHook.get_connection(self.conn_id)
        except AirflowNotFoundException:
            self.log.info("No connection %r: using the embedded default %s", self.conn_id, EMBEDDED["host"])
            os.environ[f"AIRFLOW_CONN_{self.conn_id.upper()}"] = json.dumps(EMBEDDED)


def _packed(folder: Path) -> str:
    """The package as an archive, which the driver imports wherever it runs."""
    return shutil.make_archive(str(folder / "ai_patterns"), "zip", PACKAGE.parent, PACKAGE.name)
