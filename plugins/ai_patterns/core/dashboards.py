"""Grafana dashboards as code: what each one shows, and the JSON that Grafana reads (schema version 39)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

SOURCE = {"type": "prometheus", "uid": "${source}"}
WIDTH, HEIGHT, COLUMNS = 12, 8, 2


class Panel(NamedTuple):
    """One plot.

    Attributes:
        title: what it shows.
        expression: PromQL.
        legend: Grafana's template of a line's name.
        unit: Grafana's unit.
    """

    title: str
    expression: str
    legend: str
    unit: str = "short"


def _step(step: str, figure: str = "") -> str:
    chosen = f'system=~"$system", step="{step}"' + (f', figure="{figure}"' if figure else "")
    return f"ai_patterns_step{{{chosen}}}"


DASHBOARDS: Mapping[str, Sequence[Panel]] = {
    "overview": (
        Panel("Services up", "up", "{{job}} {{instance}}"),
        Panel("Alerts", 'count by (alertname, alertstate) (ALERTS) or vector(0)', "{{alertname}} {{alertstate}}"),
        Panel("Failed checks", 'sum by (system, check) (ai_patterns_checks_total{system=~"$system", verdict="failed"})',
              "{{system}} {{check}}"),
        Panel("Tasks by outcome", "sum by (state) (airflow_ti_finish)", "{{state}}"),
        Panel("Open slots", "airflow_executor_open_slots", "{{executor_class_name}}"),
        Panel("Mean duration of a run", "sum by (dag_id) (airflow_dagrun_duration_success_sum)"
              " / sum by (dag_id) (airflow_dagrun_duration_success_count)", "{{dag_id}}", "s"),
    ),
    "pipeline": (
        Panel("Staged rows", _step("extract_streams"), "{{figure}}"),
        Panel("Audited rows", f"{_step('validate_streams')}", "{{figure}} {{of}}"),
        Panel("Published rows", _step("publish_streams"), "{{figure}}"),
        Panel("Value changes", _step("build_features"), "{{figure}}"),
        Panel("Training rows", _step("build_training_set"), "{{figure}}"),
        Panel("Entities written online", _step("materialize_features"), "{{figure}}"),
        Panel("Views that are stale", _step("check_freshness", "stale"), "{{system}}"),
        Panel("Mean duration of a task", "sum by (dag_id, task_id) (airflow_task_duration_sum)"
              " / sum by (dag_id, task_id) (airflow_task_duration_count)", "{{dag_id}}.{{task_id}}", "s"),
    ),
    "stream": (
        Panel("Messages that wait", "sum by (stream) (ai_patterns_stream_lag_messages)", "{{stream}}"),
        Panel("Events folded a second", "sum by (stream) (rate(ai_patterns_stream_folded_events_total[1m]))",
              "{{stream}}", "eps"),
        Panel("Refused messages", "sum by (stream) (ai_patterns_stream_refused_messages_total)", "{{stream}}"),
        Panel("Events left out", "sum by (stream) (ai_patterns_stream_left_out_events_total)", "{{stream}}"),
        Panel("Watermark", "1000 * max by (stream) (ai_patterns_stream_watermark_seconds)", "{{stream}}",
              "dateTimeAsIso"),
        Panel("Keys in the last certificate", _step("certify_layers", "keys"), "{{system}}"),
    ),
    "serving": (
        Panel("Requests a second", "ai_patterns:requests:rate5m", "{{job}} {{protocol}} {{status}}", "reqps"),
        Panel("Share of errors", "ai_patterns:errors:ratio5m", "{{job}}", "percentunit"),
        Panel("p99 latency", "ai_patterns:latency:p99_5m", "{{job}}", "s"),
        Panel("Rows scored a second", "sum by (version) (rate(ai_patterns_inference_predictions_total[5m]))",
              "version {{version}}"),
        Panel("Version that answers", "ai_patterns_inference_model_version", "{{instance}}"),
        Panel("Rows with a default", "sum by (job) (ai_patterns_inference_degraded_rows_total)", "{{job}}"),
        Panel("Predictions that wait to be logged", "ai_patterns_inference_log_queue_rows", "{{instance}}"),
    ),
    "model": (
        Panel("Performance", 'ai_patterns_step{system=~"$system", step="measure_performance",'
              ' figure=~"auc|brier|logloss|ece|rmse|mae|r2"}', "{{system}} {{figure}}"),
        Panel("Last decision: retrain", _step("decide_retraining", "retrain"), "{{system}}"),
        Panel("Verdicts", 'sum by (check, verdict) (ai_patterns_checks_total{system=~"$system"})',
              "{{check}} {{verdict}}"),
        Panel("Drift alarms", _step("detect_drift", "alarms"), "{{system}}"),
        Panel("Parity: vectors compared", _step("check_parity", "vectors"), "{{system}}"),
        Panel("Parity: features that differ", _step("check_parity", "alarms"), "{{system}}"),
    ),
}  # fmt: skip
"""Panels by dashboard."""


def dashboard(name: str) -> dict[str, Any]:
    """One dashboard in the form that Grafana imports.

    >>> dashboard("stream")["panels"][0]["targets"][0]["expr"]
    'sum by (stream) (ai_patterns_stream_lag_messages)'
    """
    return {
        "uid": f"ai-patterns-{name}",
        "title": f"AI patterns: {name}",
        "tags": ["ai-patterns"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_source(), _system()]},
        "panels": [_panel(number, panel) for number, panel in enumerate(DASHBOARDS[name])],
    }


def to_text(name: str) -> str:
    """The dashboard as its file holds it."""
    return json.dumps(dashboard(name), indent=1) + "\n"


def _source() -> dict[str, Any]:
    return {"name": "source", "label": "Source", "type": "datasource", "query": "prometheus"}


def _system() -> dict[str, Any]:
    query = "label_values(ai_patterns_step, system)"
    return {
        "name": "system", "label": "System", "type": "query", "datasource": SOURCE, "query": query, "refresh": 2,
        "includeAll": True, "allValue": ".*", "multi": True, "current": {"text": "All", "value": "$__all"},
    }  # fmt: skip


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    place = {"x": number % COLUMNS * WIDTH, "y": number // COLUMNS * HEIGHT, "w": WIDTH, "h": HEIGHT}
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [{"refId": "A", "expr": panel.expression, "legendFormat": panel.legend, "datasource": SOURCE}],
    }
