"""One demo for all end-to-end tests: it is lived through once, then its Airflow is looked at."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_users import JWT_SECRET, VIEWER
from demo.standalone import Standalone, running
from tutorial import Tutorial

DEMO_SECONDS = 1800


@pytest.fixture(scope="session")
def project(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drop-in: a fresh folder that holds copies of dags/, plugins/ and include/ and nothing else."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("dags", "plugins", "include"):
        shutil.copytree(repository / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="session")
def tutorial(repository: Path, project: Path) -> Tutorial:
    """The tutorial's system, made in the drop-in by the commands of its page."""
    page = (repository / "docs" / "tutorial.md").read_text("utf-8")
    walk = Tutorial(page, project, Path(sys.executable).parent)
    walk.run("2. A starter", {})
    walk.fill_in()
    walk.run("7. What a model must prove, and when to train again", {})
    return walk


def _start_demo(repository: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"CI": "true", "PYTHONPATH": str(repository / "plugins")}
    environment.pop("AIRFLOW_HOME", None)
    # What a shell runs in its background ignores interrupts, and would hand that down.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(
        [sys.executable, "-m", "demo"], cwd=repository, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@pytest.fixture(scope="session")
def left_by_interrupted(repository: Path) -> list[str]:
    """Command lines of the processes that outlive a demo which was interrupted once Airflow was up."""
    demo = _start_demo(repository)
    assert demo.stdout is not None
    told: list[str] = []
    for line in demo.stdout:
        told.append(line)
        if "== January to March" in line:
            break
    else:
        pytest.fail("the demo ended before its first chapter:\n" + "".join(told[-60:]))
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=60)
    home = f"AIRFLOW_HOME={repository / '.run' / 'demo' / 'airflow'}".encode()
    left = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if home in (process / "environ").read_bytes().split(b"\0"):
                left.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return left


@pytest.fixture(scope="session")
def lived(repository: Path, left_by_interrupted: list[str]) -> dict[str, Any]:
    """The summary of one demo, run as `CI=true make demo` runs it, after one that was interrupted."""
    demo = _start_demo(repository)
    output, _ = demo.communicate(timeout=DEMO_SECONDS)
    assert demo.returncode == 0, output[-8000:]
    summary: dict[str, Any] = json.loads((repository / ".run" / "demo" / "summary.json").read_text())
    return summary


@pytest.fixture(scope="session")
def open_lineage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where that Airflow writes its OpenLineage events, a file each."""
    return tmp_path_factory.mktemp("open-lineage")


@pytest.fixture(scope="session")
def airflow(
    lived: dict[str, Any],
    repository: Path,
    tutorial: Tutorial,
    open_lineage: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Standalone]:
    """A real Airflow on the drop-in, with what the demo left behind and the tutorial's system."""
    transport = json.dumps({"type": "file", "log_file_path": str(open_lineage / "event")})
    passwords = tmp_path_factory.mktemp("users") / "passwords.json"
    passwords.write_text(json.dumps({Standalone.user: Standalone.password, VIEWER: VIEWER}), "utf-8")
    settings = {
        "PYTHONPATH": "",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": transport,
        "AIRFLOW__OPENLINEAGE__EXECUTION_TIMEOUT": "120",
        "AIRFLOW__API_AUTH__JWT_SECRET": JWT_SECRET,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{Standalone.user}:admin,{VIEWER}:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
    }
    server = Standalone(repository / ".run" / "demo" / "airflow", tutorial.project, settings)
    with running(server):
        yield server
