"""The command, called as a user calls it."""

from __future__ import annotations

import pytest

from ai_patterns.cli import main
from ai_patterns.starter import write_starter


@pytest.fixture(autouse=True)
def systems(tmp_path, monkeypatch):
    monkeypatch.setenv("AI_PATTERNS_HOME", str(tmp_path))
    monkeypatch.setenv("AI_PATTERNS_SYSTEMS", str(tmp_path))
    monkeypatch.setenv("AI_PATTERNS_LAKE", str(tmp_path / "lake"))
    return tmp_path


def test_new_writes_a_system_that_validates(capsys) -> None:
    assert main(["new", "pumps"]) == 0
    assert main(["validate"]) == 0
    assert "pumps: valid" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["Pumps", "../pumps", "1st", ""])
def test_new_refuses_a_bad_name_before_it_writes(systems, capsys, name: str) -> None:
    assert main(["new", name]) == 1
    assert "no name of a system" in capsys.readouterr().err
    assert list(systems.iterdir()) == []


def test_new_overwrites_nothing(capsys) -> None:
    assert [main(["new", "pumps"]), main(["new", "pumps"])] == [0, 1]
    assert "File exists" in capsys.readouterr().err


def test_validate_tells_of_every_system(systems, capsys) -> None:
    for name in ("good", "bad"):
        write_starter(systems / name)
    spec = systems / "bad" / "system.yaml"
    spec.write_text(spec.read_text("utf-8").replace("owner:", "ownr:"), "utf-8")
    assert main(["validate"]) == 1
    told = capsys.readouterr()
    assert "good: valid" in told.out
    assert f"{spec}:5 [ownr]" in told.err
    assert "Did you mean 'owner'?" in told.err


def test_validate_where_there_is_nothing(capsys) -> None:
    assert main(["validate"]) == 1
    assert "ai-patterns new NAME" in capsys.readouterr().err


def test_evaluate_without_a_lake_names_the_table_and_the_connection(systems, capsys) -> None:
    write_starter(systems / "pumps")
    assert main(["evaluate", "pumps", "--first", "2024-02", "--last", "2024-02"]) == 1
    assert "ai_patterns_lake" in capsys.readouterr().err


def test_help_teaches_the_first_steps(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "first steps" in capsys.readouterr().out
