"""Days lived through real topics while decisions are served from both layers: parity raises no alarm at all."""

from __future__ import annotations

import datetime as dt
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pytest

from ai_patterns.clients.kafka import Broker
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.online_features import OnlineFeatureReader
from ai_patterns.clients.tile_store_sqlite import SqliteTileStore
from ai_patterns.core.days import Days
from ai_patterns.core.predictions import PARTITIONS
from ai_patterns.core.vectors import add_on_demand
from ai_patterns.jobs.extraction import load_dimensions
from ai_patterns.jobs.feature_store import apply_repository, materialize
from ai_patterns.jobs.features import build_features
from ai_patterns.jobs.history import create_topics, read_history
from ai_patterns.jobs.ingestion import ingest
from ai_patterns.jobs.parity import check_parity
from ai_patterns.jobs.replay import Replay
from ai_patterns.jobs.training_set import read_decisions
from ai_patterns.services.stream_worker.worker import StreamWorker
from ai_patterns.spec.monitoring import ParitySpec
from ai_patterns.spec.system import SystemSpec
from logged_vectors import logged_vectors
from soak_figures import add_figures

HISTORY = Days.parse("2013-03-05/2013-03-07")
FIRST = dt.date(2013, 3, 8)
"""New York's clocks go forward two days later."""


def serve_day(replay: Replay, worker: StreamWorker, reader: OnlineFeatureReader, day: Days) -> int:
    """One day, hour by hour: what became known is folded, then the hour's first decisions are served."""
    events, sent, served = read_history(replay.system, day), 0, 0
    decisions = read_decisions(replay.system, replay.lake, day).sort_by("decided_at")
    instants = decisions["decided_at"].to_pylist()
    firsts = {instant: None for _, of_hour in groupby(instants, lambda each: each.hour) for instant in [next(of_hour)]}
    for instant in firsts:
        due = decisions.filter(pa.array([each == instant for each in instants]))
        portion = [event for event in events[sent:] if event.known <= instant]
        replay.live(worker, portion)
        sent += len(portion)
        found = reader.read(due.select(list(replay.system.decision.inputs)), [instant] * due.num_rows).table
        for name in found.column_names:
            due = due.append_column(name, found[name])
        vectors = logged_vectors(replay.system, add_on_demand(replay.system, due))
        replay.lake.append("predictions", vectors, PARTITIONS)
        served += due.num_rows
    replay.live(worker, events[sent:])
    return served


def test_what_is_served_day_by_day_raises_no_alarm(
    flights: SystemSpec, kafka, tmp_path: Path, monkeypatch, request: pytest.FixtureRequest
) -> None:
    last = FIRST + dt.timedelta(days=max(request.config.getoption("--certified-days") // 3, 1) - 1)
    lived, system = Days(FIRST, last), flights.model_copy(update={"parity": ParitySpec()})
    lake = Lake(str(tmp_path / "lake"), system.name)
    load_dimensions(system, lake)
    ingest(system, lake, HISTORY, run_id="history")
    build_features(system, lake, HISTORY)
    broker, store = Broker(kafka.address), SqliteTileStore(system, tmp_path / "tiles.db")
    monkeypatch.setenv("AI_PATTERNS_TILES", f"sqlite:///{store.path}")
    create_topics(system, broker, partitions=3)
    apply_repository(system, lake, tmp_path / "feast")
    replay = Replay(system, lake, broker, store)
    replay.begin(lived.start)
    worker, served = StreamWorker(system, broker, store, clock=lambda: lived.end), 0
    try:
        for day in lived:
            today = Days(day, day)
            materialize(system, lake, tmp_path / "feast", today.start)
            reader = OnlineFeatureReader(system, tmp_path / "feast")
            served += serve_day(replay, worker, reader, today)
            replay.close_day(today.end, worker)
    finally:
        worker.close()
    report = check_parity(system, lake, lived)
    assert report.compared == served > 15 * lived.count
    assert report.alarms == ()
    figures = {"days": lived.count, "vectors": report.compared, "alarms": len(report.alarms)}
    add_figures(request.config.getoption("--figures"), "served days", figures)
