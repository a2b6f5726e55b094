"""A service that starts at once: `python quick_service.py VERSION [BROKEN] --port P` answers its version, slowly."""

import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION, *_ = sys.argv[1:]
PATHS = {} if "breaking" in sys.argv else {"/": {"get": {"responses": {"200": {}}}}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    """Head and body leave together: one that is killed between would lose a request that no balancer can ask again."""

    def do_GET(self) -> None:
        if self.path == "/openapi.json":
            self._answer(200, json.dumps({"paths": PATHS}))
        elif self.path == "/ready":
            self._answer(503 if "unready" in sys.argv else 200, "{}")
        else:
            time.sleep(0.02)
            self._answer(200, json.dumps({"version": VERSION, "pid": os.getpid()}))

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False
    """Open requests are answered before the process ends."""


server = Server(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
if "dying" in sys.argv:
    sys.exit("cannot start: a setting is missing")
server.serve_forever()
server.server_close()
