"""Seeded bugs of the serving side on real flights: each is caught, named and classed; what is right raises no alarm."""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.core.predictions import PARTITIONS, features_json, prediction_schema
from ai_patterns.engines import duckdb
from ai_patterns.errors import ParityError
from ai_patterns.jobs.features import build_features
from ai_patterns.jobs.ingestion import ingest
from ai_patterns.jobs.parity import ParityReport, check_parity
from ai_patterns.jobs.training_set import read_decisions
from ai_patterns.spec.loading import load_system
from ai_patterns.spec.model import ParitySpec
from ai_patterns.spec.system import SystemSpec
from integration.skew import BUGS, Site

LOADED = Days.parse("2013-03-06/2013-03-11")
SERVED = Days.parse("2013-03-09/2013-03-10")
"""New York's clocks change in the night between."""

EVERY = 9
"""One decision in so many is served."""


@pytest.fixture(scope="module")
def site(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A week of flights and weather; some reports come three hours late, some are corrected at the same instant."""
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    system = load_system(repository / "include/systems/flights")
    lake = Lake(str(tmp_path_factory.mktemp("parity")), system.name)
    ingest(system, lake, LOADED, run_id="first")
    lake.replace_days("events/weather", _late_and_corrected(lake), LOADED)
    build_features(system, lake, LOADED)
    decisions = read_decisions(system, lake, SERVED)
    chosen = duckdb.run(
        f"SELECT * FROM d QUALIFY row_number() OVER (ORDER BY decided_at, flight_id) % {EVERY} = 0", {"d": decisions}
    )
    strict = system.model_copy(update={"parity": ParitySpec()})
    return Site(strict, lake, chosen)


def _late_and_corrected(lake: Lake) -> pa.Table:
    sql = """
SELECT * REPLACE (
  CASE WHEN hour(observed_at) % 5 = 0 THEN reported_at + INTERVAL 3 HOUR ELSE reported_at END AS reported_at,
  CAST(CASE WHEN hour(observed_at) % 5 = 0 THEN reported_at + INTERVAL 3 HOUR ELSE reported_at END AS DATE) AS day)
FROM events
UNION ALL BY NAME
SELECT * REPLACE (observation_id || '-corrected' AS observation_id, temp + 1 AS temp)
FROM events WHERE hour(observed_at) % 5 = 2 AND origin = 'EWR'"""
    rows = duckdb.run(sql, {"events": lake.dataset("events/weather")})
    return duckdb.run(f"SELECT * FROM rows WHERE day <= DATE '{LOADED.last}'", {"rows": rows})


def log_predictions(system: SystemSpec, lake: Lake, rows: pa.Table) -> None:
    """Log rows of inputs and features as the service does, in place of what was logged."""
    wanted = list(dict.fromkeys([*system.decision.inputs, *system.model.columns]))
    count, decided = rows.num_rows, rows["decided_at"].to_pylist()
    columns = {name: rows[name] for name in system.decision_stream.key}
    columns |= {
        "prediction_id": [f"p-{key}" for key in rows["flight_id"].to_pylist()],
        "decided_at": decided,
        "served_at": [dt.datetime.now(dt.UTC)] * count,
        "features": [features_json(row) for row in rows.select(wanted).to_pylist()],
        "score": [0.5] * count,
        "model_version": [1] * count,
        "degraded": [[]] * count,
        "mode": ["online"] * count,
        "day": [instant.date() for instant in decided],
    }
    schema = prediction_schema(system)
    table = pa.table({name: columns[name] for name in schema.names}, schema)
    lake.replace_where("predictions", table, "mode = 'online'", PARTITIONS)


def differing(report: ParityReport) -> set[str]:
    return {row.subject for row in report.rows if not row.passed}


def test_what_is_served_right_raises_no_alarm(site: Site) -> None:
    log_predictions(site.system, site.lake, site.rows())
    report = check_parity(site.system, site.lake, SERVED, fail=True)
    assert report.compared == report.expected == site.decisions.num_rows > 150
    assert report.alarms == ()
    assert site.lake.read("parity").num_rows == 0
    summary = site.lake.read("parity_summary").to_pylist()
    assert {row["feature"] for row in summary} >= set(site.system.model.columns)
    assert {row["differing"] for row in summary} == {0}


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_of_the_service_is_caught_named_and_classed(site: Site, name: str) -> None:
    bug = BUGS[name]
    served = bug.serve(site)
    log_predictions(site.system, site.lake, served)
    report = check_parity(site.system, site.lake, SERVED)
    rows = site.lake.read("parity").to_pylist()
    causes = Counter(row["class"] for row in rows)
    changed = truly_differing(site, served)
    assert differing(report) == {row["feature"] for row in rows}
    assert differing(report) == (bug.features or changed) & changed
    assert causes.most_common(1)[0][0] == bug.cause
    assert causes[bug.cause] >= 0.6 * len(rows)
    with pytest.raises(ParityError, match="|".join(differing(report))):
        report.require_parity()


def truly_differing(site: Site, served: pa.Table) -> set[str]:
    """The plain reading: logged columns whose values are not the same, decision by decision."""
    logged = {*site.system.decision.inputs, *site.system.model.columns}
    right, found = (table.sort_by("flight_id") for table in (site.rows(), served))
    return {name for name in logged if right[name].to_pylist() != found[name].to_pylist()}
