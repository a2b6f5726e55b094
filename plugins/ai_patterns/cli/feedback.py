"""The command `feedback`: labels of predictions over HTTP."""

from __future__ import annotations

import argparse
import logging
import os

from ai_patterns.cli.arguments import Commands, add_command, open_system
from ai_patterns.clients.home import Home


def add_commands(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    feedback = add_command(
        commands,
        "feedback",
        "take labels of a system's predictions over HTTP until Ctrl-C",
        "AI_PATTERNS_WRITE_KEYS=shop=s3cret ai-patterns feedback flights\n"
        '  curl localhost:8092/labels -H "X-API-Key: s3cret" \\\n'
        '    -d \'{"labels": [{"prediction_id": "ID", "label": 1}]}\'',
    )
    feedback.add_argument("system")
    feedback.add_argument("--host", help="address to listen on; default: $AI_PATTERNS_HOST, else 127.0.0.1")
    feedback.add_argument("--port", type=int, help="default: $AI_PATTERNS_FEEDBACK_PORT, else 8092")
    feedback.set_defaults(run=_feedback)


def _feedback(options: argparse.Namespace) -> None:
    import uvicorn

    from ai_patterns.core.predictions import TABLE
    from ai_patterns.jobs.labels import land_labels
    from ai_patterns.runtimes.prometheus import announced
    from ai_patterns.services.edge.one_write import OneWriteProtocol
    from ai_patterns.services.feedback.app import create_app
    from ai_patterns.services.feedback.service import FeedbackService
    from ai_patterns.services.feedback.settings import read_settings

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    system, lake = open_system(options.system)
    told = {"--host": options.host, "--port": options.port}
    flags = [text for flag, value in told.items() if value is not None for text in (flag, str(value))]
    settings = read_settings(flags, os.environ)
    service = FeedbackService(lambda rows: land_labels(system, lake, rows), lambda: lake.exists(TABLE))
    with announced(Home.from_environment().runtimes, "feedback", f"{settings.host}:{settings.port}"):
        uvicorn.run(
            create_app(service, settings),
            host=settings.host,
            port=settings.port,
            http=OneWriteProtocol,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=10,
        )
