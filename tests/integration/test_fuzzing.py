"""Made-up requests by the thousand, from each service's own OpenAPI document: what is answered is what is promised."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

import bakery
import drivers
from client_environments import client_python
from inference_site import KEY, Site, environment, site
from server_process import Server, running, wait_until
from soak_figures import add_figures

__all__ = ["site"]

WRITERS = {"PYTHONPATH": os.pathsep.join(sys.path), "AI_PATTERNS_WRITE_KEYS": f"pipeline={KEY}"}


class Fuzzer:
    """Schemathesis, whose every check holds but one: which rows are valid, only the system of a service knows."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self.python = client_python(request.config.rootpath, "schemathesis")
        self.examples: int = request.config.getoption("--fuzz-examples")
        self.figures: Path | None = request.config.getoption("--figures")
        self.folder, self.name = folder, request.node.name

    def run(self, server: Server, paths: Mapping[str, str] | None = None) -> None:
        """Ask, with `paths` for what stands in a path's braces, until every operation has had its examples."""
        settings = self.folder / "schemathesis.toml"
        lines = [f'{name} = "{value}"' for name, value in (paths or {}).items()]
        settings.write_text("\n".join(["[parameters]", *lines]) if lines else "", "utf-8")
        command = [self.python, "-m", "schemathesis.cli", "--config-file", settings, "run"]
        command += [f"{server.url}/openapi.json", "--max-examples", str(self.examples), "--seed", "1"]
        command += ["--header", f"X-API-Key: {KEY}", "--exclude-checks", "positive_data_acceptance", "--no-color"]
        environment = {**os.environ, "PYTHONPATH": ""}
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=self.folder, env=environment)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{server.output.read_text('utf-8')[-5_000:]}"
        (passed,) = re.findall(r"(\d+) generated, \1 passed", done.stdout)
        assert server.process.poll() is None
        add_figures(self.figures, f"fuzzing {self.name}{' named' if paths else ''}", {"cases": int(passed)})


@pytest.fixture
def fuzzer(request: pytest.FixtureRequest, tmp_path: Path) -> Fuzzer:
    return Fuzzer(request, tmp_path)


def test_inference(fuzzer: Fuzzer, site: Site) -> None:
    with running(site.command(), site.folder / "server.log", environment()) as server:
        wait_until(lambda: httpx.get(f"{server.url}/ready", timeout=30).status_code == 200, 90, server.output)
        fuzzer.run(server)
        fuzzer.run(server, {"name": site.system.name, "version": "1", "label": "champion"})
        assert httpx.get(f"{server.url}/ready", timeout=30).json()["model_version"] == 1


def test_features(fuzzer: Fuzzer, tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    drivers.make_repository(folder, f"{{type: sqlite, path: {folder}/data/online.db}}")
    command = [sys.executable, "-m", "ai_patterns.services.features", "--repo", str(folder)]
    with running(command, tmp_path / "server.log", WRITERS) as server:
        fuzzer.run(server)


def test_feedback(fuzzer: Fuzzer, site: Site, tmp_path: Path) -> None:
    places = {"AI_PATTERNS_LAKE": str(site.folder / "lake"), "AI_PATTERNS_SYSTEMS": str(bakery.FOLDER.parent)}
    command = [sys.executable, "-m", "ai_patterns.cli", "feedback", site.system.name]
    with running(command, tmp_path / "server.log", {**WRITERS, **places, "AI_PATTERNS_HOME": str(tmp_path)}) as server:
        fuzzer.run(server)
