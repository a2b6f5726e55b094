"""`python -m ai_patterns.services.stream_worker`: one process that folds a system's topics into online tiles."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading

import uvicorn
from fastapi import FastAPI, Response

from ai_patterns.clients.kafka import Broker
from ai_patterns.clients.tile_stores import open_tile_store
from ai_patterns.errors import AIPatternsError
from ai_patterns.services.stream_worker.settings import Settings, read_settings
from ai_patterns.services.stream_worker.worker import StreamWorker
from ai_patterns.spec.loading import load_system

log = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Fold until SIGTERM or SIGINT; the batch that was begun is finished."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    system = load_system(settings.system_folder)
    store = open_tile_store(system, settings.tiles)
    worker = StreamWorker(system, Broker(settings.kafka), store, share=settings.share)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    listen(worker, settings)
    log.info("Folding the topics of %s into %s.", system.name, settings.tiles)
    worker.run(stop)


def listen(worker: StreamWorker, settings: Settings) -> None:
    """Answer `/health` and `/metrics` beside the loop."""
    app = FastAPI(title="stream worker", docs_url=None, redoc_url=None)

    @app.get("/health")
    def health() -> dict[str, int]:
        return {"lag": worker.lag()}

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(worker.metrics.text(), media_type="text/plain; version=0.0.4")

    server = uvicorn.Server(uvicorn.Config(app, host=settings.host, port=settings.port, log_level="warning"))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    threading.Thread(target=server.run, name="health", daemon=True).start()


def main() -> int:
    """Fold as the command line and the environment say; 1 where the worker had to stop by itself."""
    try:
        run(read_settings(sys.argv[1:], os.environ))
    except AIPatternsError as error:
        log.error("The worker stops: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
