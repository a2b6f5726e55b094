"""Topics into the lake, and dead letters back into their topics."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSkipException
from airflow.sdk import Asset, Context

from ai_patterns.hooks.kafka import KafkaHook
from ai_patterns.operators.system import SystemOperator

if TYPE_CHECKING:
    from ai_patterns.clients.kafka import Broker


class TopicOperator(SystemOperator):
    """A step that needs Kafka.

    Args:
        kafka_conn_id: connection of the cluster.
        kwargs: as of `SystemOperator`.
    """

    def __init__(self, *, kafka_conn_id: str = KafkaHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kafka_conn_id = kafka_conn_id

    @cached_property
    def broker(self) -> Broker:
        """The cluster."""
        return KafkaHook(self.kafka_conn_id).broker()


class LandTopicOperator(TopicOperator):
    """Brings what waits in a stream's topic to the lake, each message once: as a row or as a dead letter.

    Args:
        stream: the stream's name.
        kwargs: as of `TopicOperator`; `as_of` is the clock by which a message's known time lies in the future.
    """

    template_fields: Sequence[str] = (*TopicOperator.template_fields, "stream")

    def __init__(self, *, stream: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stream = stream

    def perform(self, context: Context) -> dict[str, Any]:
        """Land the topic and announce it; return the rows, the refused messages by class, and the lag."""
        from ai_patterns.core.clock import utc_now
        from ai_patterns.jobs.landing import land

        simulated = self.as_of or context["params"].get("as_of")
        at = self.moment_of(context) if simulated else None
        report = land(self.spec, self.lake, self.broker, self.stream, clock=lambda: at or utc_now())
        if not report.rows and not report.refused:
            raise AirflowSkipException(f"Nothing to do: the topic of {self.stream} holds nothing new.")
        summary: dict[str, Any] = {"rows": report.rows, "refused": dict(report.refused), "lag": report.lag}
        self.log.info("Landed %s: %s", self.stream, summary)
        for outlet in self.outlets:
            if isinstance(outlet, Asset):
                context["outlet_events"][outlet].extra = {"stream": self.stream, **summary}
        return summary


class ReplayDeadLettersOperator(TopicOperator):
    """Writes dead letters back into their topics, each once, after what made them so is mended.

    Args:
        reason: the beginning of the reasons of which the letters are replayed, such as `type`; empty for all. By
            default the run's param `replay`; where that is absent too, nothing is replayed.
        kwargs: as of `TopicOperator`.
    """

    template_fields: Sequence[str] = (*TopicOperator.template_fields, "reason")

    def __init__(self, *, reason: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reason = reason

    def perform(self, context: Context) -> dict[str, int]:
        """Replay; return the messages written, by stream."""
        from ai_patterns.jobs.dead_letters import replay
        from ai_patterns.jobs.landed import landed_streams

        reason = context["params"].get("replay") if self.reason is None else self.reason
        if reason is None:
            raise AirflowSkipException("Nothing to do: no dead letters are to be replayed.")
        counts = {name: replay(self.spec, self.broker, name, reason) for name in landed_streams(self.spec)}
        self.log.info("Replayed dead letters whose reason begins with %r: %s", reason, counts)
        return counts
