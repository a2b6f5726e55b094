"""`python -m demo`: start Airflow, live through the story, tell what happened."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

from ai_patterns.clients.home import Home
from ai_patterns.clients.kafka import Broker
from ai_patterns.clients.lake import Lake
from ai_patterns.clients.mlflow import Registry
from ai_patterns.errors import AIPatternsError
from ai_patterns.jobs.history import create_topics
from ai_patterns.runtimes.kafka import Kafka
from ai_patterns.runtimes.prometheus import announced
from ai_patterns.spec.loading import load_system
from ai_patterns.spec.system import SystemSpec
from demo.journal import Journal
from demo.live import LiveDay, stream_worker
from demo.progress import Progress
from demo.rest import AirflowClient
from demo.scenario import STEPS, WEEKS, Story
from demo.service import inference
from demo.standalone import Standalone, free_ports, running
from demo.summary import summarize
from demo.table import tell
from demo.watch import watched

PROJECT = Path(__file__).resolve().parent.parent
FOLDER = PROJECT / ".run" / "demo"


def main() -> int:
    """Run the demo; 0 when the story went as told."""
    started = time.monotonic()
    (serving_port,) = free_ports(1)
    settings = {"AI_PATTERNS_SERVING_URL": f"http://127.0.0.1:{serving_port}"}
    server = Standalone(FOLDER / "airflow", PROJECT, settings)
    server.end_leftovers()
    shutil.rmtree(FOLDER, ignore_errors=True)
    progress = Progress("Airflow")
    with watched(Home.from_environment(server.environment).runtimes) as metrics:
        server.environment.update(metrics)
        return _run(server, serving_port, progress, started)


def _run(server: Standalone, serving_port: int, progress: Progress, started: float) -> int:
    with running(server, progress):
        progress.done(f"healthy at {server.url}")
        summary = _live(server, serving_port)
        summary["seconds"]["all"] = round(time.monotonic() - started, 1)
        target = FOLDER / "summary.json"
        target.write_text(json.dumps(summary, indent=2, default=str) + "\n", "utf-8")
        tell(summary)
        print(f"\nFigures: {target.relative_to(PROJECT)}")
        if sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("CI") != "true":
            print(f"Page: {server.url}/plugin/ai-patterns   login: {server.user} / {server.password}   Ctrl-C ends it.")
            signal.pause()
    return 0


def _live(server: Standalone, serving_port: int) -> dict[str, Any]:
    home = Home.from_environment(server.environment)
    system = load_system(home.systems / "flights")
    lake, registry = Lake(home.lake, system.name), Registry(home.tracking, system.name)
    journal = Journal(AirflowClient(server.url, server.user, server.password), system.name)
    story = Story(journal, system, lake, FOLDER)
    journal.prepare(STEPS)
    with journal.phase("January to March"):
        story.load_history()
    with journal.phase("The first champion"):
        story.train_first_champion()
    address = f"127.0.0.1:{serving_port}"
    with (
        inference(home, system.folder, serving_port, FOLDER / "inference.log") as url,
        announced(home.runtimes, "inference", address),
    ):
        with journal.phase("The service"):
            story.check_service(url)
        for week in WEEKS:
            with journal.phase(f"Week {week}"):
                story.live_through(week, url)
        with journal.phase("A bad challenger"):
            story.refuse_bad_challenger()
        with journal.phase("A rollback"):
            story.roll_back()
        with journal.phase("A live day"):
            live = _live_day(home, system, lake, journal, url)
    return {**summarize(system, lake, registry, journal, story), "live": live}


def _live_day(home: Home, system: SystemSpec, lake: Lake, journal: Journal, inference_url: str) -> dict[str, Any]:
    """One day through a real broker; a machine that cannot have one is told why."""
    kafka = Kafka(home.runtimes / Kafka.name)
    (port,) = free_ports(1)
    try:
        try:
            kafka.up()
        except AIPatternsError as error:
            print(f"skipped: {error}", flush=True)
            return {"skipped": str(error)}
        broker = Broker(kafka.address)
        create_topics(system, broker)
        with (
            stream_worker(home, system.folder, kafka, port, FOLDER / "stream_worker.log") as url,
            announced(home.runtimes, "stream_worker", f"127.0.0.1:{port}"),
        ):
            return LiveDay(journal, system, lake, broker, url, inference_url).live()
    finally:
        kafka.down()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nstopped")
        sys.exit(130)
