"""A real PostgreSQL as the system packages it, empty at every start."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ai_patterns.runtimes.runtime import LOCALHOST, ProcessRuntime

USER = "airflow"
# The data outlive no test, so nothing waits for the disk.
SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "unix_socket_directories=", "jit=off")


AS_POSTGRES = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups")


class Postgres(ProcessRuntime):
    """PostgreSQL; it refuses to run as root, who starts it as its package's own user.

    Args:
        home: its folder, below folders that every user may enter.
        programs: folder of `postgres` and `initdb`.
    """

    name = "postgres"

    def __init__(self, home: Path, programs: Path) -> None:
        super().__init__(home)
        self._programs = programs
        self._as_user = AS_POSTGRES if os.geteuid() == 0 else ()

    @property
    def url(self) -> str:
        """The database for SQLAlchemy."""
        return f"postgresql+psycopg2://{USER}@{self.address}/postgres"

    def prepare(self, port: int) -> Sequence[str]:
        """Make the data folder."""
        if self._as_user:
            shutil.chown(self.data, "postgres")
        made = [*self._as_user, str(self._programs / "initdb"), "-D", str(self.data), "-U", USER, "-A", "trust"]
        subprocess.run([*made, "-E", "UTF8", "--locale=C", "--no-sync"], check=True, capture_output=True, cwd="/")
        settings = (*SETTINGS, f"port={port}", f"listen_addresses={LOCALHOST}")
        told = [word for setting in settings for word in ("-c", setting)]
        return [*self._as_user, str(self._programs / "postgres"), "-D", str(self.data), *told]

    def answers(self) -> bool:
        """Whether it takes connections."""
        told = [str(self._programs / "pg_isready"), "-q", "-h", LOCALHOST, "-p", str(self.port), "-U", USER]
        return subprocess.run(told, check=False).returncode == 0


@pytest.fixture(scope="module")
def postgres(require_program) -> Iterator[Postgres]:
    """One real Postgres for the tests of a module."""
    programs = require_program("initdb").resolve().parent
    with tempfile.TemporaryDirectory(prefix="ai-patterns-postgres-") as folder:
        Path(folder).chmod(0o755)  # pytest's own folders let nobody else in
        server = Postgres(Path(folder) / "postgres", programs)
        try:
            server.up()
            yield server
        finally:
            server.down()
