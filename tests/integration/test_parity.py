"""Seeded bugs of the serving side on real flights: each is caught, named and classed; what is right raises no alarm."""

from __future__ import annotations

import datetime as dt
import logging
import shutil
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ai_patterns.cli import main
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.online_features import OnlineFeatureReader
from ai_patterns.core.days import Days
from ai_patterns.core.point_in_time import point_in_time_sql
from ai_patterns.core.predictions import PARTITIONS
from ai_patterns.core.vectors import add_on_demand
from ai_patterns.engines import duckdb
from ai_patterns.errors import ParityError
from ai_patterns.jobs.feature_store import apply_repository, materialize
from ai_patterns.jobs.features import build_features
from ai_patterns.jobs.ingestion import ingest
from ai_patterns.jobs.parity import ParityReport, check_parity
from ai_patterns.jobs.parity_view import read_examples, read_pair, read_shares
from ai_patterns.jobs.recent_values import recent_relations
from ai_patterns.jobs.served_vectors import find_prediction
from ai_patterns.jobs.training_set import feature_relations, read_decisions
from ai_patterns.spec.loading import load_system
from ai_patterns.spec.monitoring import ParitySpec
from ai_patterns.spec.system import SystemSpec
from ai_patterns.ui.page import render_page
from ai_patterns.ui.pages import find_system, read_page, read_prediction
from integration.skew import BUGS, Site
from logged_vectors import logged_vectors

LOADED = Days.parse("2013-03-08/2013-03-11")
SERVED = Days.parse("2013-03-09/2013-03-10")
"""New York's clocks change in the night between."""

EVERY = 12
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
    lake.replace_where("predictions", logged_vectors(system, rows), "mode = 'online'", PARTITIONS)


def differing(report: ParityReport) -> set[str]:
    return {row.subject for row in report.rows if not row.passed}


def test_what_is_served_right_raises_no_alarm(site: Site) -> None:
    log_predictions(site.system, site.lake, site.rows())
    report = check_parity(site.system, site.lake, SERVED, fail=True)
    assert report.compared == report.expected == site.decisions.num_rows > 120
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


def test_a_second_run_replaces_the_first(site: Site) -> None:
    log_predictions(site.system, site.lake, BUGS["number as text"].serve(site))
    tables = []
    for _ in range(2):
        check_parity(site.system, site.lake, SERVED)
        tables.append([sorted_rows(site.lake, name) for name in ("parity", "parity_summary")])
        checks = site.lake.read("checks").filter(pc.field("family") == "parity").to_pylist()
        assert len(checks) == len({row["subject"] for row in checks})
    assert tables[0] == tables[1]
    row = tables[0][0][0]
    assert (row["feature"], row["class"], row["served"]) == ("plane__seats", "type", f'"{row["recomputed"]}"')


def sorted_rows(lake: Lake, table: str) -> list[dict[str, object]]:
    order = [(name, "ascending") for name in ("day", "feature", "prediction_id")]
    rows = lake.read(table)
    return rows.sort_by([key for key in order if key[0] in rows.column_names]).to_pylist()


def test_a_share_below_the_bound_passes(site: Site) -> None:
    log_predictions(site.system, site.lake, BUGS["tie broken the wrong way"].serve(site))
    loose = site.system.model_copy(update={"parity": ParitySpec(max_share=0.5)})
    assert check_parity(loose, site.lake, SERVED, fail=True).alarms == ()
    with pytest.raises(ParityError, match="weather_now__temp_6h"):
        check_parity(site.system, site.lake, SERVED, fail=True)


def test_staleness_is_forgiven_up_to_its_age(site: Site) -> None:
    log_predictions(site.system, site.lake, BUGS["store never refreshed"].serve(site))
    for max_age, calm in ((dt.timedelta(days=1), True), (dt.timedelta(hours=6), False)):
        bounded = site.system.model_copy(update={"parity": ParitySpec(max_age=max_age)})
        assert (check_parity(bounded, site.lake, SERVED).alarms == ()) is calm
    ages = {(row["prediction_id"], row["age_hours"]) for row in site.lake.read("parity").to_pylist()}
    decided = {f"p-{row['flight_id']}": row["decided_at"] for row in site.decisions.to_pylist()}
    assert all(age == (decided[id_].hour * 60 + decided[id_].minute) / 60 for id_, age in ages)


def test_a_feature_that_was_not_logged_is_missing(site: Site) -> None:
    rows = site.rows()
    log_predictions(site.system, site.lake, rows)
    logged = site.lake.read("predictions")
    short = [text.replace('"weekday"', '"week_day"') for text in logged["features"].to_pylist()]
    at = logged.column_names.index("features")
    site.lake.replace_where("predictions", logged.set_column(at, "features", [short]), "mode = 'online'", PARTITIONS)
    report = check_parity(site.system, site.lake, SERVED)
    assert differing(report) == {"weekday"}
    assert {(row["class"], row["served"]) for row in site.lake.read("parity").to_pylist()} == {("missing", None)}


def test_vectors_that_cannot_be_recomputed_fail_the_gate(site: Site) -> None:
    """The features of the day after are not built: nothing is compared there, and that is no silence."""
    later = SERVED.last + dt.timedelta(days=5)
    at = site.decisions.column_names.index("decided_at")
    moved = pc.add(site.decisions["decided_at"].slice(0, 3), pa.scalar(dt.timedelta(days=6)))
    rows = Site(site.system, site.lake, site.decisions.slice(0, 3).set_column(at, "decided_at", moved)).rows()
    log_predictions(site.system, site.lake, rows)
    days = {instant.date() for instant in rows["decided_at"].to_pylist()}
    assert days <= {later, later + dt.timedelta(days=1)}
    report = check_parity(site.system, site.lake, Days(min(days), max(days)))
    assert (report.expected, report.compared) == (3, 0)
    with pytest.raises(ParityError, match="0 of 3 served vectors"):
        report.require_parity()


def test_nothing_served_is_nothing_to_fail(site: Site) -> None:
    report = check_parity(site.system, site.lake, Days.parse("2013-03-08"), fail=True)
    assert (report.expected, report.rows) == (0, ())


def test_what_landed_after_it_was_served_is_late(site: Site, tmp_path: Path) -> None:
    """The airports' delays are corrected and published again, after the predictions were served."""
    lake = Lake(str(tmp_path), site.system.name)
    shutil.copytree(site.lake.path(""), lake.path(""))
    log_predictions(site.system, lake, site.rows())
    corrected = "SELECT * REPLACE (dep_delay + 7 AS dep_delay) FROM events"
    rows = duckdb.run(corrected, {"events": lake.dataset("events/departed")})
    lake.replace_days("events/departed", rows, LOADED)
    build_features(site.system, lake, LOADED)
    report = check_parity(site.system, lake, SERVED)
    assert "origin_now__delay_1h" in differing(report)
    assert all("delay" in name for name in differing(report))
    assert {row["class"] for row in lake.read("parity").to_pylist()} == {"late_event"}


def test_a_day_served_from_the_online_store_is_stale_and_nothing_else(site: Site, tmp_path: Path) -> None:
    """The store is filled at midnight, as the feature store's DAG does, and asked all day."""
    midnight = SERVED.start
    apply_repository(site.system, site.lake, tmp_path)
    materialize(site.system, site.lake, tmp_path, midnight)
    today = site.decisions.filter(pc.field("decided_at") < midnight + dt.timedelta(days=1))
    inputs = today.select(list(site.system.decision.inputs))
    found = OnlineFeatureReader(site.system, tmp_path).read(inputs)
    rows = today
    for name in found.table.column_names:
        rows = rows.append_column(name, found.table.column(name))
    log_predictions(site.system, site.lake, add_on_demand(site.system, rows))
    forgiving = load_system(site.system.folder)
    report = check_parity(forgiving, site.lake, SERVED, fail=True)
    assert report.compared == today.num_rows > 40
    causes = Counter(row["class"] for row in site.lake.read("parity").to_pylist())
    assert set(causes) == {"stale_store"}


def test_one_prediction_side_by_side(site: Site) -> None:
    log_predictions(site.system, site.lake, BUGS["Celsius instead of Fahrenheit"].serve(site))
    check_parity(site.system, site.lake, SERVED)
    (first, *_) = read_examples(site.lake)
    pair = read_pair(site.system, site.lake, find_prediction(site.lake, first))
    unlike = {item.feature: item for item in pair.pairs if item.cause}
    assert set(unlike) == {"weather_now__temp_6h"}
    item = unlike["weather_now__temp_6h"]
    assert float(item.served or "") == (float(item.recomputed or "") - 32) / 1.8
    assert {row["feature"] for row in read_shares(site.lake) if row["differing"]} == {"weather_now__temp_6h"}
    with pytest.raises(LookupError, match="no prediction 'p-none'"):
        find_prediction(site.lake, "p-none")


def test_one_decision_alone_reads_what_it_reads_among_all(site: Site) -> None:
    """Also where nothing is known of an entity, and where it is null."""
    decisions = read_decisions(site.system, site.lake, SERVED).slice(40, 6)
    tailnums = [*decisions["tailnum"].to_pylist()[:4], "N0BODY", None]
    decisions = decisions.set_column(
        decisions.column_names.index("tailnum"), "tailnum", pa.array(tailnums, decisions.schema.field("tailnum").type)
    )
    sql, whole = point_in_time_sql(site.system), feature_relations(site.system, site.lake)
    for number in range(decisions.num_rows):
        alone = decisions.slice(number, 1)
        recent = recent_relations(site.system, site.lake, alone.to_pylist()[0])
        found = duckdb.run(sql, {**recent, "decisions": alone}).to_pylist()
        assert found == duckdb.run(sql, {**whole, "decisions": alone}).to_pylist()


@pytest.fixture
def command(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Site:
    """The site as the command and the page find it: through the environment, its spec with no mercy."""
    folder = tmp_path / "flights"
    shutil.copytree(site.system.folder, folder)
    spec = (folder / "system.yaml").read_text("utf-8").replace("parity: {max_age: 1d}", "parity: {max_share: 0}")
    (folder / "system.yaml").write_text(spec, "utf-8")
    monkeypatch.setenv("AI_PATTERNS_HOME", str(tmp_path))
    monkeypatch.setenv("AI_PATTERNS_SYSTEMS", str(tmp_path))
    monkeypatch.setenv("AI_PATTERNS_LAKE", site.lake.uri)
    return site


def test_the_command_prints_shares_and_vectors(command: Site, capsys: pytest.CaptureFixture[str]) -> None:
    log_predictions(command.system, command.lake, command.rows())
    assert main(["parity", "flights", "--days", str(SERVED)]) == 0
    assert "features, none differs" in capsys.readouterr().out
    log_predictions(command.system, command.lake, BUGS["seconds instead of microseconds"].serve(command))
    assert main(["parity", "flights", "--days", str(SERVED)]) == 1
    told = capsys.readouterr()
    assert "failed: since_landed:" in told.err
    assert [line.split()[1] for line in told.out.splitlines()[2:]] == ["since_landed"] * 2
    (example, *_) = read_examples(command.lake)
    assert main(["parity", "flights", "--prediction", example]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("*")] == ["since_landed"]
    assert len(lines) == 2 + len({*command.system.decision.inputs, *command.system.model.columns}) - 1
    assert main(["parity", "flights", "--prediction", "p-none"]) == 1
    assert "has no prediction 'p-none'" in capsys.readouterr().err
    assert main(["parity", "flights", "--days", "2013-03-08"]) == 0
    assert "nothing was served online" in capsys.readouterr().out


def test_the_pages_show_shares_and_vectors(command: Site) -> None:
    log_predictions(command.system, command.lake, BUGS["seconds instead of microseconds"].serve(command))
    check_parity(command.system, command.lake, SERVED)
    spec = find_system("flights")
    assert spec is not None
    values = read_page(spec, "features")
    html = render_page("features", "flights", values)
    (example, *_) = values["examples"]
    assert f'href="/ai-patterns/systems/flights/predictions/{example}"' in html
    assert '<th scope="row">since_landed</th>' in html
    told = read_prediction(spec, example)
    page = render_page("prediction", "flights", told)
    assert f"1 of {len(told['pair'].pairs)} features differ" in page
    assert "events/departed" in page
    with pytest.raises(LookupError):
        read_prediction(spec, "p-none")


def truly_differing(site: Site, served: pa.Table) -> set[str]:
    """The plain reading: logged columns whose values are not the same, decision by decision."""
    logged = {*site.system.decision.inputs, *site.system.model.columns}
    right, found = (table.sort_by("flight_id") for table in (site.rows(), served))
    return {name for name in logged if right[name].to_pylist() != found[name].to_pylist()}
