"""A supervisor of two workers that answer slowly, at length or with their process: a test kills them meanwhile."""

from __future__ import annotations

import asyncio
import os
import sys
import time

import uvicorn

from ai_patterns.services.inference.handed import HandedProtocol, HandedServer
from ai_patterns.services.inference.supervisor import Supervisor

LARGE = 50_000_000


async def app(scope, receive, send) -> None:
    body = str(os.getpid()).encode()
    if scope["path"] == "/slow":
        await asyncio.sleep(30)
    if scope["path"] == "/busy":
        time.sleep(0.5)  # its event loop stands still
    if scope["path"] == "/body":
        await receive()
        await asyncio.sleep(30)
    if scope["path"] == "/large":
        body = b"x" * LARGE
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    option, number = sys.argv[1:]
    if option == "--channel":
        options = {"ws": "none", "lifespan": "off", "log_level": "warning", "timeout_graceful_shutdown": 2}
        config = uvicorn.Config(app, http=HandedProtocol, **options)
        HandedServer(config, int(number)).run()
    else:
        Supervisor([sys.executable, __file__, "--channel"], 2).run("127.0.0.1", int(number))
