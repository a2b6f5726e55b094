"""Real containers without a daemon: podman on runc, with a storage of its own below a temporary folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from container_base import write_python

# crun refuses hybrid control groups, and the default limits ask for more than a container of a CI machine may raise.
SETTINGS = """\
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
PYTHON, UV = "localhost/python:test", "localhost/uv:test"
BUILD_SECONDS = 600


class Podman:
    """One storage of images and containers.

    Args:
        home: its folder; `close` removes what lies there.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        settings = home / "containers.conf"
        settings.write_text(SETTINGS, "utf-8")
        self._environment = {**os.environ, "CONTAINERS_CONF": str(settings)}

    def try_call(self, *arguments: str | Path, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Call podman."""
        command = ["podman", "--root", self._home / "storage", "--runroot", self._home / "run", *arguments]
        return subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False, timeout=seconds
        )

    def call(self, *arguments: str | Path, seconds: float = 120) -> str:
        """Call podman; what it says. It must succeed."""
        done = self.try_call(*arguments, seconds=seconds)
        assert done.returncode == 0, (
            f"podman {' '.join(map(str, arguments))}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        )
        return done.stdout.strip()

    def build(self, name: str, dockerfile: Path, context: Path, *arguments: str) -> None:
        """Build an image; its steps share the machine's network."""
        told = (
            "build",
            "--isolation",
            "chroot",
            "--network",
            "host",
            "--pull=never",
            "--layers=false",
            "--tag",
            name,
            *arguments,
        )
        self.call(*told, "--file", dockerfile, context, seconds=BUILD_SECONDS)

    def state(self, container: str) -> dict[str, object]:
        """What podman knows about a container's process."""
        (found,) = json.loads(self.call("inspect", container))
        state: dict[str, object] = found["State"]
        return state

    def close(self) -> None:
        """End every container and let go of the storage."""
        self.try_call("rm", "--all", "--force", "--time", "0")
        self.try_call("rmi", "--all", "--force")


def import_base(podman: Podman, folder: Path, uv: Path) -> None:
    """Make the two images that the Dockerfile starts from."""
    write_python(folder / "python")
    (folder / "uv").mkdir()
    shutil.copy(uv, folder / "uv" / "uv")
    for name, image in (("python", PYTHON), ("uv", UV)):
        archive = folder / f"{name}.tar"
        subprocess.run(["tar", "-C", folder / name, "-cf", archive, "."], check=True)
        podman.call("import", archive, image)


def require_containers(podman: Podman) -> None:
    """Skip, with the reason, where this machine lets nobody run a container; a CI machine may be one of them."""
    trial = podman.try_call("run", "--rm", "--network", "host", PYTHON, "python3", "-c", "print('runs')")
    if trial.stdout.strip() != "runs":
        pytest.skip(f"podman cannot run a container on this machine: {trial.stderr.strip()[-500:]}")
