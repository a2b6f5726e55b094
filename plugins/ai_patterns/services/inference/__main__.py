"""`python -m ai_patterns.services.inference`: serves one system's champion."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import uvicorn

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.registry_reader import RegistryReader
from ai_patterns.core.predictions import SHADOW_TABLE
from ai_patterns.services.inference.app import create_app
from ai_patterns.services.inference.features import FeatureReader
from ai_patterns.services.inference.log import PredictionLog
from ai_patterns.services.inference.model import ChampionFollower
from ai_patterns.services.inference.predictor import Predictor
from ai_patterns.services.inference.rollouts import RolloutFollower
from ai_patterns.services.inference.service import Service
from ai_patterns.services.inference.settings import Settings, read_settings
from ai_patterns.services.inference.shadow import Shadow
from ai_patterns.services.inference.supervisor import Supervisor, end_with_parent
from ai_patterns.spec.loading import load_system


def build_service(settings: Settings) -> Service:
    """Wire the parts; nothing is reached over the network yet.

    Raises:
        SpecError: the system's spec is wrong.
    """
    system = load_system(settings.system_folder)
    registry = RegistryReader(settings.tracking_uri, system.name)
    lake = Lake(settings.lake, system.name)
    bounds: Any = {"flush_seconds": settings.flush_seconds, "capacity": settings.queue_rows}
    champion = ChampionFollower(registry, system, settings.poll_seconds, settings.models)
    predictor = Predictor(
        system=system,
        features=FeatureReader(system, settings.feature_repo),
        champion=champion,
        log=PredictionLog(system, lake, **bounds),
        shadow=Shadow(PredictionLog(system, lake, table=SHADOW_TABLE, **bounds)),
    )
    counts = settings.counts or _own_counts()
    return Service(predictor, RolloutFollower(registry, champion, counts, settings.poll_seconds), settings)


def _own_counts() -> Path:
    """Where this process, or all workers of its supervisor, count: gone with them."""
    shared = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if shared:
        return Path(shared, "rollouts")
    folder = tempfile.mkdtemp(prefix="ai-patterns-rollouts-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; open requests are answered and the prediction log is emptied."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # The scoring thread gets its turn from the event loop within a millisecond instead of five.
    sys.setswitchinterval(0.001)
    app = create_app(build_service(settings))
    config = uvicorn.Config(
        app, settings.host, settings.port, log_level="warning", access_log=False, timeout_graceful_shutdown=10
    )
    server = uvicorn.Server(config)
    if settings.listener is None:
        server.run()
        return

    def stop() -> None:
        server.should_exit = True

    end_with_parent(stop)
    server.run(sockets=[socket.socket(fileno=settings.listener)])


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve as the command line and the environment say."""
    arguments = sys.argv[1:] if arguments is None else arguments
    settings = read_settings(arguments, os.environ)
    if settings.workers == 1:
        serve(settings)
    else:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        Supervisor(arguments, settings.workers).run(settings.host, settings.port)


if __name__ == "__main__":
    main()
