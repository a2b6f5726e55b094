"""The pages' systems are parsed once, and again when a file of theirs has changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ai_patterns.ui.systems import find_all


@pytest.fixture
def spec(docks_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The `system.yaml` of a copy."""
    shutil.copytree(docks_folder, tmp_path / "docks")
    monkeypatch.setenv("AI_PATTERNS_SYSTEMS", str(tmp_path))
    return tmp_path / "docks" / "system.yaml"


def test_what_has_not_changed_is_not_parsed_again(spec: Path) -> None:
    assert find_all() is find_all()
    assert [system.name for system in find_all().systems] == [spec.parent.name]


def test_a_changed_spec_is_noticed_though_its_size_and_its_date_are_the_same(spec: Path, tmp_path: Path) -> None:
    assert not find_all().errors
    before, text = spec.stat(), spec.read_text("utf-8")
    copy = tmp_path / "copy"
    copy.write_text(text.replace("name: docks", "name: rocks", 1), "utf-8")
    shutil.copystat(spec, copy)
    copy.replace(spec)
    assert (spec.stat().st_size, spec.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert "'rocks'" in str(find_all().errors[0])
    spec.write_text(f"{text}\n", "utf-8")
    assert not find_all().errors


def test_a_file_that_the_spec_names_is_missed_when_it_goes(spec: Path) -> None:
    named = next(path for path in spec.parent.rglob("*") if path.suffix == ".sql")
    assert not find_all().errors
    named.unlink()
    assert named.name in str(find_all().errors[0])


def test_systems_come_and_go(spec: Path) -> None:
    assert len(find_all().systems) == 1
    shutil.rmtree(spec.parent)
    assert find_all().systems == ()
