"""HAProxy: the stable address of each service, and its replicas behind it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from ai_patterns.core.load_balancing import SOCKET, Front, Traffic, configuration, read_traffic
from ai_patterns.errors import ServiceRejectedError, ServiceUnavailableError
from ai_patterns.runtimes.programs import find_program
from ai_patterns.runtimes.runtime import LOCALHOST, HttpRuntime, free_port


class HAProxy(HttpRuntime):
    """A real HAProxy; `port` is that of its metrics, and each service has a port that outlives it.

    Args:
        home: its folder.
        services: service -> the path at which a replica says that it is ready.
    """

    name = "haproxy"
    health = "/health"

    def __init__(self, home: Path, services: Mapping[str, str]) -> None:
        super().__init__(home)
        self._services = dict(services)

    def url_of(self, service: str) -> str:
        """The service's address.

        Raises:
            ServiceUnavailableError: the balancer was never started.
        """
        port = self._ports().get(service)
        if port is None:
            raise ServiceUnavailableError(f"the balancer at {self.home} was not started with {service}")
        return f"http://{LOCALHOST}:{port}"

    def prepare(self, port: int) -> Sequence[str]:
        """Write the configuration; a service's port stays the same from start to start.

        Raises:
            MissingProgramError: HAProxy is not installed.
        """
        program = find_program("haproxy", "install HAProxy (Debian: haproxy)")
        known = self._ports()
        ports = {name: known.get(name) or free_port() for name in self._services}
        part = self.home / "ports.part"
        part.write_text(json.dumps(ports), "utf-8")
        part.replace(self.home / "ports.json")
        fronts = [Front(name, ports[name], ready) for name, ready in self._services.items()]
        settings = self.home / "haproxy.cfg"
        settings.write_text(configuration(LOCALHOST, port, fronts), "utf-8")
        return [str(program), "-db", "-f", settings.name]

    def send_to(self, service: str, place: str, port: int) -> None:
        """Let a place have a share of the requests: those of the replica at `port`."""
        self.ask(f"set server {service}/{place} addr {LOCALHOST} port {port}")
        self.ask(f"set server {service}/{place} state ready")
        self.ask(f"set server {service}/{place} health up")

    def drain(self, service: str, place: str) -> None:
        """Send no new request to a place; those that it works on go on."""
        self.ask(f"set server {service}/{place} state drain")

    def take_out(self, service: str, place: str) -> None:
        """Leave a place empty."""
        self.ask(f"set server {service}/{place} state maint")

    def traffic(self) -> Mapping[tuple[str, str], Traffic]:
        """What each place, and each service as a whole (`BACKEND`), has done so far."""
        return read_traffic(self.ask("show stat"))

    def ask(self, command: str) -> str:
        """The answer to a command of the runtime API.

        Raises:
            ServiceRejectedError: it does not know the command.
            ServiceUnavailableError: it does not run.
        """
        folder = os.open(
            self.home, os.O_PATH
        )  # the path of a socket has at most 107 bytes, that of a home may have more
        try:
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(10)
                link.connect(f"/proc/self/fd/{folder}/{SOCKET}")
                link.sendall(f"{command}\n".encode())
                answer = b"".join(iter(lambda: link.recv(65536), b"")).decode()
        except OSError as error:
            raise ServiceUnavailableError(f"the balancer at {self.home} does not answer: {error}") from error
        finally:
            os.close(folder)
        if not command.startswith("show") and _refused(answer):
            raise ServiceRejectedError(f"the balancer refused {command!r}: {answer.strip()}")
        return answer

    def _ports(self) -> dict[str, int]:
        file = self.home / "ports.json"
        return json.loads(file.read_text("utf-8")) if file.exists() else {}


def _refused(answer: str) -> bool:
    """Whether an answer to `set server` is an error; what it did is told in words too."""
    return bool(answer.strip()) and not answer.startswith(("IP changed", "port changed", "no need to change", "\n"))
