"""A service that is ready to answer has imported what its log needs, and nothing beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import bakery
from import_watch import HEAVY, ImportWatch
from inference_site import environment

BUILD = """
import sys
from ai_patterns.services.inference.worker import build_service
from ai_patterns.services.inference.edge import Edge
from ai_patterns.services.inference.settings import read_settings

Edge(build_service(read_settings(sys.argv[1:], {})))
"""


@pytest.mark.parametrize(("kafka", "needed"), [("127.0.0.1:1", set()), ("", {"pyarrow", "deltalake"})])
def test_only_the_lakes_log_needs_arrow(kafka: str, needed: set[str], tmp_path: Path) -> None:
    watch, places = ImportWatch(tmp_path), ("--lake", "--tracking-uri", "--feature-repo")
    arguments = ["--system-folder", str(bakery.FOLDER), "--kafka", kafka]
    arguments += [part for name in places for part in (name, str(tmp_path / name))]
    subprocess.run([sys.executable, "-c", BUILD, *arguments], env=watch.over(environment()), check=True)
    assert watch.seen() & HEAVY == needed
    assert "fastapi" not in watch.seen()
