"""Predictions from their topic into the lake."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import AirflowSkipException
from airflow.sdk import Context

from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.hooks.kafka import KafkaHook
from ai_patterns.operators.stream_processing import TopicOperator


class LandPredictionsOperator(TopicOperator):
    """Brings the predictions that the inference service sent to Kafka, and its shadow's, into the lake, each once.

    Where there is no Kafka the service writes to the lake itself, and the task is skipped.
    """

    def perform(self, context: Context) -> dict[str, int]:  # noqa: ARG002  the signature is the base's
        """Land both topics; return the rows of each table, the refused messages, and the lag."""
        from ai_patterns.core.predictions import SHADOW_TABLE, TABLE
        from ai_patterns.jobs.prediction_topic import land_predictions

        self._require_kafka()
        reports = {table: land_predictions(self.spec, self.lake, self.broker, table) for table in (TABLE, SHADOW_TABLE)}
        summary = {table: report.rows for table, report in reports.items()}
        summary["refused"] = sum(sum(report.refused.values()) for report in reports.values())
        if not any(summary.values()):
            raise AirflowSkipException("Nothing to do: the topics of predictions hold nothing new.")
        summary["lag"] = sum(report.lag for report in reports.values())
        self.log.info("Landed %s", summary)
        return summary

    def _require_kafka(self) -> None:
        try:
            _ = KafkaHook(self.kafka_conn_id).target
        except ServiceUnavailableError as error:
            raise AirflowSkipException(f"Nothing to do: {error}") from error
