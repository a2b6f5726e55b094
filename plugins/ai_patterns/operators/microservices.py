"""A system's services as processes of this machine, replaced without a lost request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException
from airflow.sdk import Context

from ai_patterns.core.scaling import ScalingRule
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.hooks.feature_store import FeatureStoreHook
from ai_patterns.hooks.kafka import KafkaHook
from ai_patterns.operators.system import RegistryOperator

if TYPE_CHECKING:
    from ai_patterns.jobs.microservices import Places


class CheckContractsOperator(RegistryOperator):
    """Compares the contracts that are kept with what the running replicas offer: would their clients miss something?"""

    def perform(self, context: Context) -> dict[str, int]:
        """Compare; return the number of breaking changes by service.

        Raises:
            AirflowFailException: a client would miss something, and the run's param `breaking` does not allow it.
        """
        from ai_patterns.jobs.microservices import check_contracts

        found = check_contracts(self.spec)
        told = [f"{service}: {problem}" for service, problems in found.items() for problem in problems]
        for line in told:
            self.log.warning("A breaking change of %s", line)
        if told and not context["params"].get("breaking"):
            raise AirflowFailException(
                f"Clients of what runs would break ({'; '.join(told)}); allow it with `breaking`."
            )
        return {service: len(problems) for service, problems in found.items()}


class _ServiceOperator(RegistryOperator):
    """A step about one service.

    Args:
        service: `features`, `inference`, `feedback` or `stream_worker`.
        store_conn_id: connection of the feature store.
        kafka_conn_id: connection of Kafka.
        kwargs: as of `RegistryOperator`.
    """

    template_fields = (*RegistryOperator.template_fields, "service")

    def __init__(
        self,
        *,
        service: str,
        store_conn_id: str = FeatureStoreHook.default_conn_name,
        kafka_conn_id: str = KafkaHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.service, self.store_conn_id, self.kafka_conn_id = service, store_conn_id, kafka_conn_id

    def places(self) -> Places:
        """Where the connections lead.

        Raises:
            AirflowSkipException: the service is a stream worker, and there is no Kafka.
        """
        from ai_patterns.jobs.microservices import WORKER, Places, uses_kafka

        kafka = ""
        if uses_kafka(self.spec, self.service):
            try:
                kafka = KafkaHook(self.kafka_conn_id).broker().servers
            except ServiceUnavailableError as error:
                if self.service == WORKER:
                    raise AirflowSkipException(f"Nothing to do: {error}") from error
                self.log.info("Predictions go to the lake itself: %s", error)
        features = FeatureStoreHook(self.store_conn_id).folder(self.spec.name).parent
        return Places(self.lake.uri, self.registry.tracking_uri, features, kafka)


class DeployServiceOperator(_ServiceOperator):
    """Brings a service to what this installation says, replica by replica; what is so already is left alone."""

    def perform(self, context: Context) -> dict[str, int]:
        """Deploy; return how many replicas run, were started and were stopped.

        The run's params: `replicas`, and `restart`, which replaces every replica once.
        """
        from ai_patterns.jobs.microservices import deploy

        params: Mapping[str, Any] = context["params"]
        restart = str(context["run_id"]) if params.get("restart") else ""
        done = deploy(self.spec, self.places(), self.service, replicas=params.get("replicas"), restart=restart)
        self.log.info("%s: %s", self.service, done)
        return done


class ScaleServiceOperator(_ServiceOperator):
    """Adds or takes away a replica, by the mean time to an answer; a stream worker, by the messages that wait.

    Args:
        high: milliseconds, or messages, above which one is added.
        low: milliseconds, or messages, below which one is taken away.
        most: replicas that there may be; of stream workers, no more than a topic has partitions.
        kwargs: as of `DeployServiceOperator`.
    """

    def __init__(self, *, high: float = 100.0, low: float = 10.0, most: int = 4, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rule = ScalingRule(high=high, low=low, most=most)

    def perform(self, context: Context) -> dict[str, float]:  # noqa: ARG002  the signature is the base's
        """Look and decide; return the measure and the replicas, before and from now on."""
        from ai_patterns.jobs.scaling import scale

        return scale(self.spec, self.places(), self.service, self.rule)
