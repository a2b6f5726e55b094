"""A replica: one process of a service, in one of the service's places."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import ai_patterns
from ai_patterns.runtimes.runtime import HttpRuntime


class Replica(HttpRuntime):
    """A process that listens on a port of its own; its folder holds its log and what it was started as.

    Args:
        home: its place's folder.
        command: what runs it; `--port` and a port are added.
        environment: what it finds in its environment beside the starter's.
        ready: path at which it answers 200 while it can serve.
    """

    name = "replica"

    def __init__(self, home: Path, command: Sequence[str], environment: Mapping[str, str], ready: str) -> None:
        super().__init__(home)
        self.health = ready
        self._command, self._environment = tuple(command), dict(environment)

    @property
    def generation(self) -> str:
        """What it was last started as."""
        file = self.home / "generation"
        return file.read_text("utf-8") if file.exists() else ""

    def start(self, generation: str) -> None:
        """Start it and wait until it can serve.

        Raises:
            ServiceUnavailableError: it ended, or is not ready in time; its log tells why.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        part = self.home / "generation.part"
        part.write_text(generation, "utf-8")
        part.replace(self.home / "generation")
        self.up()

    def prepare(self, port: int) -> Sequence[str]:
        """The command, in an environment in which it can be found again.

        The title that `setproctitle` gives a process would overwrite the mark of its place.
        """
        package = str(Path(ai_patterns.__file__).parents[1])
        path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        variables = {**self._environment, "PYTHONPATH": path, "SPT_NOENV": "1"}
        return ["env", *(f"{name}={value}" for name, value in variables.items()), *self._command, "--port", str(port)]
