"""`python -m ai_patterns.services.inference`: one process that serves one system's champion."""

from __future__ import annotations

import logging
import os
import sys

import uvicorn

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.registry_reader import RegistryReader
from ai_patterns.services.inference.app import create_app
from ai_patterns.services.inference.features import FeatureReader
from ai_patterns.services.inference.log import PredictionLog
from ai_patterns.services.inference.model import ChampionFollower
from ai_patterns.services.inference.predictor import Predictor
from ai_patterns.services.inference.service import Service
from ai_patterns.services.inference.settings import Settings, read_settings
from ai_patterns.spec.loading import load_system


def build_service(settings: Settings) -> Service:
    """Wire the parts; nothing is reached over the network yet.

    Raises:
        SpecError: the system's spec is wrong.
    """
    system = load_system(settings.system_folder)
    registry = RegistryReader(settings.tracking_uri, system.name)
    lake = Lake(settings.lake, system.name)
    predictor = Predictor(
        system=system,
        features=FeatureReader(system, settings.feature_repo),
        champion=ChampionFollower(registry, system, settings.poll_seconds, settings.models),
        log=PredictionLog(system, lake, flush_seconds=settings.flush_seconds, capacity=settings.queue_rows),
    )
    return Service(predictor, settings)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; open requests are answered and the prediction log is emptied."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    app = create_app(build_service(settings))
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=10,
    )


def main() -> None:
    """Serve as the command line and the environment say."""
    serve(read_settings(sys.argv[1:], os.environ))


if __name__ == "__main__":
    main()
