"""A wrong spec is refused with file, line, field and the nearest valid name."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from ai_patterns.spec.loading import load_system
from ai_patterns.starter import write_starter


class Fault(NamedTuple):
    old: str
    new: str
    at: str  # text of the line that the error must name
    field: str
    nearest: str | None
    says: str


FAULTS = {
    "unknown key at the top": Fault("owner: my-team", "ownr: my-team", "ownr:", "ownr", "owner", "not permitted"),
    "unknown key of a stream": Fault(
        "    known_time: planned", "    knwon_time: planned", "knwon_time", "streams.hours.knwon_time", "known_time",
        "and 1 more",
    ),
    "required key that is missing": Fault(
        "start: 2024-01-01 ", "# start: 2024-01-01 ", "# pumps: an AI system", "start", None, "required"
    ),
    "unknown key of an aggregation": Fault(
        "function: rate, column: attention,",
        "function: rate, column: attention, wndows: [1d],",
        "wndows",
        "groups.machine.aggregations.attention.wndows",
        "windows",
        "not permitted",
    ),
    "unknown key of a column": Fault(
        "load: {type: double, min: 0, max: 100}",
        "load: {type: double, minimum: 0}",
        "minimum",
        "streams.results.columns.load.minimum",
        "min",
        "not permitted",
    ),
    "unknown key of the label": Fault(
        "maturity: 3h}", "maturity: 3h, colum: x}", "colum: x", "decision.label.colum", "column", "not permitted"
    ),
    "unknown key of a gate's bound": Fault(
        "{min: 0.55}", "{mni: 0.55}", "mni", "gates.absolute.auc.mni", "min", "not permitted"
    ),
    "unknown metric of a gate": Fault(
        "absolute: {auc:", "absolute: {auk:", "auk", "gates.absolute.auk", "auc", "Input should be"
    ),
    "unknown metric to compare": Fault(
        "compare: logloss", "compare: loglos", "compare:", "gates.compare", "logloss", "Input should be"
    ),
    "a metric of the other task": Fault(
        "compare: logloss", "compare: rmse", "compare:", "gates.compare", None, "there is no 'rmse'"
    ),
    "a guard of the other task": Fault(
        "  tolerance: 0.01", "  tolerance: 0.01\n  guards: {mae: 0.1}", "mae", "gates.guards.mae", None,
        "there is no 'mae'",
    ),
    "an error of more than one in twenty": Fault(
        "  tolerance: 0.01", "  tolerance: 0.01\n  alpha: 0.1", "alpha", "gates.alpha", None,
        "less than or equal to 0.05",
    ),
    "a block of half a day": Fault(
        "  tolerance: 0.01", "  tolerance: 0.01\n  block: 12h", "block", "gates.block", None,
        "greater than or equal to 1 day",
    ),
    "an unknown slice": Fault(
        "  tolerance: 0.01", "  tolerance: 0.01\n  fairness: {slices: [machne]}", "machne", "gates.fairness.slices",
        "machine", "there is no 'machne'",
    ),
    "unknown function": Fault(
        "function: mean",
        "function: maen",
        "maen",
        "groups.machine.aggregations.load.function",
        "mean",
        "Input should be",
    ),
    "unknown column type": Fault(
        "starts: timestamp", "starts: timestmp", "starts: timestmp", "streams.hours.columns.starts.type", "timestamp",
        "Input should be",
    ),
    "bad window": Fault(
        "[3h, 1d]", "[3 hours, 1d]", "3 hours", "groups.machine.aggregations.load.windows.0", None, "not a duration"
    ),
    "window that is no multiple of the hop": Fault(
        "[3h, 1d]", "[90m, 1d]", "windows: [90m", "groups.machine.aggregations.load.windows", None,
        "90m of 'load'",
    ),
    "no window at all": Fault(
        "[3h, 1d]", "[]", "windows: []", "groups.machine.aggregations.load.windows", None, "at least 1"
    ),
    "hop that does not divide a day": Fault(
        "hop: 1h ", "hop: 7h ", "hop: 7h", "groups.machine.hop", None, "divide a day"
    ),
    "count with a column": Fault(
        "function: rate", "function: count", "      attention: {function",
        "groups.machine.aggregations.attention.function", None,
        "count takes no column",
    ),
    "group of an absent stream": Fault(
        "stream: results\n    key", "stream: result\n    key", "    stream: result", "groups.machine.stream", "results",
        "no 'result'",
    ),
    "aggregation of an absent column": Fault(
        "column: load,", "column: laod,", "laod", "groups.machine.aggregations.load.column", "load", "no 'laod'"
    ),
    "group key that no request carries": Fault(
        "key: [machine]", "key: [ended]", "key: [ended]", "groups.machine.key", None, "no 'ended'"
    ),
    "model feature that does not exist": Fault(
        "machine__load_3h,", "machine__load_4h,", "machine__load_4h", "model.features.history", "machine__load_3h",
        "no 'machine__load_4h'",
    ),
    "categorical feature that the model does not use": Fault(
        "categorical: [machine]", "categorical: [machin]", "machin]", "model.categorical", "machine", "no 'machin'"
    ),
    "decision on an absent stream": Fault(
        "stream: hours", "stream: hour", "stream: hour", "decision.stream", "hours", "no 'hour'"
    ),
    "decision without its event time": Fault(
        "inputs: [hour_id, starts, machine]", "inputs: [hour_id, machine]", "inputs:", "decision.inputs", None,
        "no 'starts'",
    ),
    "label of an absent column": Fault(
        "column: attention, maturity", "column: atention, maturity", "atention", "decision.label.column", "attention",
        "no 'atention'",
    ),
    "expression over an absent column": Fault(
        "hour(starts, 'UTC')", "hour(start, 'UTC')", "hour(start,", "on_demand.hour", "starts", "no 'start'"
    ),
    "expression with an unknown function": Fault(
        "hour(starts, 'UTC')", "huor(starts, 'UTC')", "huor", "on_demand.hour", "hour", "no function 'huor'"
    ),
    "expression outside the grammar": Fault(
        "hour(starts, 'UTC')", "starts.year", "starts.year", "on_demand.hour", None, "cannot stand"
    ),
    "time zone that is none": Fault(
        "hour(starts, 'UTC')", "hour(starts, 'Europe/Pariss')", "hour(starts,", "on_demand.hour", "Europe/Paris",
        "no time zone 'Europe/Pariss'",
    ),
    "offset of more than a day": Fault(
        "hour(starts, 'UTC')", "hour(starts, '+25:00')", "hour(starts,", "on_demand.hour", None,
        "no time zone '+25:00'",
    ),
    "column for a time zone": Fault(
        "hour(starts, 'UTC')", "hour(starts, starts)", "hour(starts,", "on_demand.hour", None, "starts is no time zone"
    ),
    "event time that is no column": Fault(
        "event_time: starts", "event_time: start", "event_time: start", "streams.hours.event_time", "starts", "'start'"
    ),
    "known time that is no timestamp": Fault(
        "known_time: planned", "known_time: machine", "known_time: machine", "streams.hours.known_time", None,
        "type timestamp",
    ),
    "key that is no column": Fault(
        "key: [hour_id]\n    event_time: starts", "key: [hourid]\n    event_time: starts", "[hourid]",
        "streams.hours.key", "hour_id", "'hourid'",
    ),
    "absent SQL file": Fault(
        "sql/hours.sql", "sql/hour.sql", "sql/hour.sql", "streams.hours.sql", "sql/hours.sql", "no file 'sql/hour.sql'"
    ),
    "source of no kind": Fault(
        "readings: {path: readings.csv}", "readings: {nulls: [x]}", "readings:", "sources.readings", None,
        "needs a path",
    ),
    "query without a connection": Fault(
        "{path: readings.csv}", "{query: SELECT 1}", "readings:", "sources.readings", None, "conn_id"
    ),
    "name in capitals": Fault("name: pumps", "name: Pumps", "name: Pumps", "name", None, "pattern"),
    "another name than the folder's": Fault("name: pumps", "name: pump", "name: pump", "name", "pumps", "must agree"),
    "day that is none": Fault("2024-01-01  ", "2024-13-01  ", "2024-13-01", "start", None, "date"),
    "shares that do not grow": Fault(
        "  tolerance: 0.01", "  tolerance: 0.01\n\nrollout: {canary: [0.5, 0.25]}", "rollout:", "rollout.canary", None,
        "must lie between 0 and 1 and grow",
    ),
    "a share of all": Fault(
        "  tolerance: 0.01", "  tolerance: 0.01\n\nrollout: {canary: [1.0]}", "rollout:", "rollout.canary", None,
        "must lie between 0 and 1 and grow",
    ),
    "a step without an end": Fault(
        "  tolerance: 0.01", "  tolerance: 0.01\n\nrollout:\n  hold: {duration: 2h, at_most: 1h}", "hold:",
        "rollout.hold.at_most", None, "longer than its least duration",
    ),
    "an unknown limit": Fault(
        "  tolerance: 0.01", "  tolerance: 0.01\n\nrollout: {limits: {eror_rate: 0.1}}", "rollout:",
        "rollout.limits.eror_rate", "error_rate", "not permitted",
    ),
    "a key that no request carries": Fault(
        "  tolerance: 0.01", "  tolerance: 0.01\n\nrollout: {key: [machin]}", "rollout:", "rollout.key", "machine",
        "there is no 'machin'",
    ),
    "a clock that the model does not read": Fault(
        "  tolerance: 0.01", "  tolerance: 0.01\n\nmonitoring: {clocks: {huor: 24}}", "monitoring:",
        "monitoring.clocks", "hour", "there is no 'huor'",
    ),
    "negative loss": Fault("max_loss: 0.05", "max_loss: -1", "max_loss", "feedback.max_loss", None, "greater than"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_names_file_line_field_and_nearest(broken, fault: Fault) -> None:
    broken.change(fault.old, fault.new)
    error = broken.error()
    line = broken.line_of(fault.at)
    assert (error.file, error.line, error.field, error.nearest) == (broken.file, line, fault.field, fault.nearest)
    assert fault.says in error.problem
    assert f"{broken.file}:{line} [{fault.field}]" in str(error)


def test_predictions_need_a_topic_of_their_own(broken) -> None:
    broken.change("    event_time: ended", "    topic: pumps\n    event_time: ended")
    broken.change("maturity: 3h}", "maturity: 3h}\n  topic: pumps # too")
    error = broken.error()
    assert (error.field, error.line) == ("decision.topic", broken.line_of("# too"))
    assert "stream 'results' has the topic 'pumps'" in error.problem


def test_absent_file_tells_how_to_start(tmp_path) -> None:
    folder = tmp_path / "nothing"
    folder.mkdir()
    with pytest.raises(Exception, match="ai-patterns new NAME"):
        load_system(folder)


def test_broken_yaml_names_the_line(broken) -> None:
    broken.change("owner: my-team", "owner: [my-team")
    assert broken.error().line is not None
    assert "not valid YAML" in broken.error().problem


def test_duplicate_key_names_the_line(broken) -> None:
    broken.change("owner: my-team", "owner: my-team\nowner: other")
    assert broken.error().line == broken.line_of("owner: other")


@pytest.mark.parametrize("text", ["", "- a\n", "42\n"])
def test_a_document_that_is_no_mapping_is_refused(broken, text: str) -> None:
    broken.file.write_text(text, "utf-8")
    assert "mapping" in broken.error().problem


def test_bytes_that_are_no_text_are_refused(broken) -> None:
    broken.file.write_bytes(b"name: \xff\xfe")
    assert "UTF-8" in broken.error().problem


def test_every_error_is_counted(broken) -> None:
    broken.change("owner: my-team", "ownr: my-team")
    broken.change("compare: logloss", "compare: loglos")
    assert "1 more" in str(broken.error())


def test_the_starter_loads(tmp_path) -> None:
    assert load_system(write_starter(tmp_path / "pumps")).name == "pumps"
