"""Redis as the system packages it, every write logged."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from ai_patterns.runtimes.programs import find_program
from ai_patterns.runtimes.runtime import LOCALHOST, ProcessRuntime

# The title that Redis gives its process would overwrite the environment by which it is found again.
_SETTINGS = """\
bind {host}
port {port}
dir "{data}"
appendonly yes
set-proc-title no
"""


class Redis(ProcessRuntime):
    """A real Redis."""

    name = "redis"

    def prepare(self, port: int) -> Sequence[str]:
        """Write the settings.

        Raises:
            MissingProgramError: Redis is not installed.
        """
        program = find_program("redis-server", "install Redis (Debian: redis-server)")
        settings = self.home / "redis.conf"
        settings.write_text(_SETTINGS.format(host=LOCALHOST, port=port, data=self.data), "utf-8")
        return [str(program), str(settings)]

    def answers(self) -> bool:
        """Whether it answers PING; it refuses while it reads its log."""
        try:
            with socket.create_connection((LOCALHOST, self.port or 0), 1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16) == b"+PONG\r\n"
        except OSError:
            return False
