"""The batch layer on Spark: the same tiles and value logs, made where more data is than one machine holds."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.sdk import BaseHook, BaseOperatorLink, Connection, Context

from ai_patterns.errors import ServiceRejectedError
from ai_patterns.hooks.lake import LakeHook
from ai_patterns.hooks.partition import days_of
from ai_patterns.hooks.systems import find_system
from ai_patterns.operators.page_link import SystemPageLink
from ai_patterns.operators.system import announce, never_retried

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey
    from pydantic import JsonValue

    from ai_patterns.spec.system import SystemSpec

CONN_ID = "ai_patterns_spark"
EMBEDDED = {"conn_type": "spark", "host": "local[2]"}
MANAGER = "yarn_resourcemanager_webapp_address"
PACKAGE = Path(__file__).resolve().parent.parent


@attrs.define()
class SparkApplicationLink(BaseOperatorLink):
    """Leads to the application's page at YARN, and from there to the driver's log, from the moment it is known."""

    name = "Spark application"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002  Airflow's signature
        """The page's address, empty where no cluster holds the driver."""
        address: str = operator.application_url
        return address


class SubmitSparkFeaturesOperator(SparkSubmitOperator):
    """Submits `tiles/<group>` and `values/<group>` of the days to Spark, replacing what was there.

    It is Airflow's `SparkSubmitOperator` with the application, its arguments, Delta's jars and the session's settings
    filled in. The connection says where, and nothing else has to change: `local[4]`, `spark://host:7077`, or `yarn`
    with `deploy-mode` client or cluster; without one it is `local[2]` on this machine. The lake must be in reach of
    the cluster: `hdfs://`, or a folder that all its machines share.

    In YARN's cluster mode (`yarn_resourcemanager_webapp_address` in the connection's extra) the driver outlives the
    task: a retry finds the running application again, and does not submit a second one. In client mode the driver is
    the task's own process, its log is the task's, and a retry submits again.

    Args:
        system: name of the system, or the folder that holds its `system.yaml`.
        days: a day or a range of days; by default the run's.
        lake_conn_id: connection of the lake.
        conn_id: connection of Spark.
        kwargs: as of `SparkSubmitOperator`.
    """

    template_fields: Sequence[str] = (*SparkSubmitOperator.template_fields, "system", "days")
    operator_extra_links = (SystemPageLink(), SparkApplicationLink())

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
        self.application_url, self._manager = "", ""

    @cached_property
    def spec(self) -> SystemSpec:
        """The system's spec."""
        return find_system(self.system)

    def execute(self, context: Context) -> None:
        """Submit the job, wait for it, and announce the days."""
        from ai_patterns.engines.spark import SETTINGS
        from ai_patterns.jobs.spark_features import pack
        from ai_patterns.runtimes.artefacts import artefact
        from ai_patterns.runtimes.spark import delta_jars

        with never_retried(), tempfile.TemporaryDirectory() as folder:
            days, lake = days_of(context, self.days), LakeHook(self.lake_conn_id).lake(self.spec.name)
            self._manager = self._find_manager()
            self._yarn_track_via_rm_api = bool(self._manager)
            self.application = str(artefact("spark/build_features.py"))
            self.application_args = [pack(self.spec), with_scheme(lake.path("").rstrip("/")), str(days)]
            self.jars = ",".join(map(str, delta_jars()))
            self.py_files = _packed(Path(folder))
            self.conf = {**SETTINGS, **(self.conf or {})}
            super().execute(context)
            announce(self, context, days, {"days": str(days)})

    def poll_until_complete(self, external_id: JsonValue, context: Context) -> None:
        """Wait for an application, whether this try has submitted it or found it; its link is there from now on."""
        self._know(external_id, context)
        super().poll_until_complete(external_id, context)

    def get_job_result(self, external_id: JsonValue, context: Context) -> None:
        """Nothing; a retry that finds the application finished has its link, too."""
        self._know(external_id, context)

    def _know(self, external_id: JsonValue, context: Context) -> None:
        if not self._manager or self._hook is None:
            return
        self._hook._yarn_application_id = str(external_id)  # `on_kill` ends it; the provider knows it not in a retry
        self.application_url = f"{self._manager}/cluster/app/{external_id}"
        self.log.info("The application's page, with the driver's log: %s", self.application_url)
        # Airflow itself writes links down only when a task ends.
        context["ti"].xcom_push(key=SparkApplicationLink().xcom_key, value=self.application_url)

    def _find_manager(self) -> str:
        """Address of YARN's ResourceManager where the driver runs in its cluster, else empty.

        Raises:
            ServiceRejectedError: the connection asks for what its cluster cannot do.
        """
        connection = self._connection()
        told, host = connection.extra_dejson, connection.host or ""
        if (self._deploy_mode or told.get("deploy-mode")) != "cluster":
            return ""
        if "yarn" not in (host, connection.conn_type):
            if (host if "://" in host else f"{connection.conn_type}://").startswith("spark://"):
                raise ServiceRejectedError(
                    f"{host} takes no Python job in cluster mode: set `deploy-mode` to `client`, or use YARN",
                    conn_id=self.conn_id,
                )
            return ""
        address = str(told.get(MANAGER, "")).rstrip("/")
        if not address:
            raise ServiceRejectedError(
                f"set `{MANAGER}` in the connection's extra to the ResourceManager's address, such as http://yarn:8088",
                conn_id=self.conn_id,
            )
        return address if "://" in address else f"http://{address}"

    def _connection(self) -> Connection:
        """Airflow's hook takes YARN where there is no connection; here it is this machine."""
        try:
            return BaseHook.get_connection(self.conn_id)
        except AirflowNotFoundException:
            self.log.info("No connection %r: using the embedded default %s", self.conn_id, EMBEDDED["host"])
            os.environ[f"AIRFLOW_CONN_{self.conn_id.upper()}"] = json.dumps(EMBEDDED)
            return BaseHook.get_connection(self.conn_id)


def with_scheme(place: str) -> str:
    """A folder of this machine as such: without a scheme Spark looks in Hadoop's own file system, where one is set."""
    return place if "://" in place else f"file://{Path(place).absolute()}"


def _packed(folder: Path) -> str:
    """The package as an archive, which the driver imports wherever it runs."""
    return shutil.make_archive(str(folder / "ai_patterns"), "zip", PACKAGE.parent, PACKAGE.name)
