"""The tutorial's page: its parts are the files that are shipped, and its commands work as they stand there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ai_patterns.cli import main
from ai_patterns.spec.loading import load_system
from tutorial import Tutorial


@pytest.fixture
def tutorial(repository: Path, tmp_path: Path) -> Tutorial:
    page = (repository / "docs" / "tutorial.md").read_text("utf-8")
    return Tutorial(page, tmp_path, Path(sys.executable).parent)


def test_the_page_shows_the_shipped_files(repository: Path, tutorial: Tutorial) -> None:
    shipped = repository / "docs" / "tutorial" / "rain"
    assert tutorial.files() == {name: (shipped / name).read_text("utf-8") for name in tutorial.files()}
    assert {path.name for path in shipped.rglob("*.*")} == {Path(name).name for name in tutorial.files()}
    assert sum(text.count("\n") for text in tutorial.files().values()) <= 150


def test_its_commands_lead_from_the_starter_to_a_valid_system(tutorial: Tutorial, capsys) -> None:
    folder = tutorial.project / "include" / "systems" / "rain"
    assert "rain: valid" in tutorial.run("2. A starter", {})
    tutorial.fill_in()
    told = tutorial.run("7. What a model must prove, and when to train again", {})
    assert told == "rain: valid, 2 streams, 9 model features\n"
    assert {path.name for path in folder.rglob("*.*")} == {"system.yaml", "mornings.sql", "reports.sql"}
    assert load_system(folder).description.startswith("Will it rain")
    spec = folder / "system.yaml"
    spec.write_text(spec.read_text("utf-8").replace("lately__wet_7d", "lately__wet_8d"), "utf-8")
    assert main(["validate", str(folder)]) == 1
    assert "Did you mean 'lately__wet_7d'?" in capsys.readouterr().err
