"""One process that answers: its parts wired together, and the server that runs them."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import shutil
import socket
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn

from ai_patterns.clients.registry_reader import RegistryReader
from ai_patterns.core.predictions import SHADOW_TABLE, TABLE
from ai_patterns.services.edge.one_write import OneWriteProtocol
from ai_patterns.services.inference.edge import Edge
from ai_patterns.services.inference.features import FeatureReader
from ai_patterns.services.inference.handed import HandedServer
from ai_patterns.services.inference.log import PredictionLog
from ai_patterns.services.inference.log_sinks import sink_of
from ai_patterns.services.inference.model import ChampionFollower
from ai_patterns.services.inference.predictor import Predictor
from ai_patterns.services.inference.rollouts import RolloutFollower
from ai_patterns.services.inference.service import Service
from ai_patterns.services.inference.settings import Settings
from ai_patterns.services.inference.shadow import Shadow
from ai_patterns.spec.loading import load_system


def build_service(settings: Settings) -> Service:
    """Wire the parts; nothing is reached over the network yet.

    Raises:
        SpecError: the system's spec is wrong.
    """
    system = load_system(settings.system_folder)
    registry = RegistryReader(settings.tracking_uri, system.name)
    sink = partial(sink_of, system, settings.lake, settings.kafka)
    bounds: Any = {"flush_seconds": settings.flush_seconds, "capacity": settings.queue_rows}
    champion = ChampionFollower(registry, system, settings.poll_seconds, settings.models)
    predictor = Predictor(
        system=system,
        features=FeatureReader(system, settings.feature_repo),
        champion=champion,
        log=PredictionLog(sink(TABLE), **bounds),
        shadow=Shadow(PredictionLog(sink(SHADOW_TABLE), **bounds)),
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
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # The scoring thread gets its turn from the event loop within a millisecond instead of five.
    sys.setswitchinterval(0.001)
    app = Edge(build_service(settings))
    # Requests leave few cycles; to look for them after each 700 objects takes a tenth of the time.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    config = uvicorn.Config(
        app,
        settings.host,
        settings.port,
        http=OneWriteProtocol,
        ws="none",
        log_level="warning",
        access_log=False,
        proxy_headers=False,  # nothing here asks who is behind a proxy
        timeout_graceful_shutdown=10,
    )
    server = uvicorn.Server(config) if settings.channel is None else HandedServer(config, settings.channel)
    if settings.listener is None:
        server.run()
        return
    threading.Thread(target=_end_with_parent, args=(server, os.getppid()), name="parent-watch", daemon=True).start()
    server.run(sockets=[socket.socket(fileno=settings.listener)])


def _end_with_parent(server: uvicorn.Server, parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    server.should_exit = True
