"""Each fault of an installation is found, with what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ai_patterns.cli import main
from ai_patterns.clients.home import Home
from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.jobs import doctor
from ai_patterns.jobs.doctor import Finding, examine, tried


@pytest.fixture
def home(tmp_path: Path, docks_folder: Path) -> Home:
    (tmp_path / "include" / "systems").mkdir(parents=True)
    (tmp_path / "include" / "systems" / "docks").symlink_to(docks_folder)
    return Home.from_environment({"AI_PATTERNS_HOME": str(tmp_path)})


def found(home: Home) -> dict[str, Finding]:
    return {finding.subject: finding for finding in examine(home)}


def test_a_whole_installation_has_nothing_wrong_and_is_left_as_it_is(home: Home) -> None:
    findings = found(home)
    assert {finding.state for finding in findings.values()} <= {"good", "absent"}
    assert findings["system docks"].state == findings["lake"].state == "good"
    assert not home.made.exists()


def test_a_broken_system_is_named_with_its_line(home: Home) -> None:
    (home.systems / "broken").mkdir()
    (home.systems / "broken" / "system.yaml").write_text("nme: broken\n", "utf-8")
    broken = found(home)["system"]
    assert broken.state == "wrong"
    assert "[nme]" in broken.remedy


def test_no_system_and_an_absent_package_tell_what_to_do(home: Home, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(doctor, "EXTRAS", {"luigi": ("luigi", "no_such_module")})
    monkeypatch.setattr(doctor, "PROGRAMS", {"no-such-program": "nothing works"})
    findings = found(Home.from_environment({"AI_PATTERNS_HOME": str(tmp_path / "empty")}))
    assert findings["systems"].state == "wrong"
    assert "ai-patterns new" in findings["systems"].remedy
    assert (findings["extra luigi"].state, findings["extra luigi"].detail) == (
        "absent",
        "not installed: no_such_module",
    )
    assert "[luigi]" in findings["extra luigi"].remedy
    assert findings["no-such-program"].remedy == "nothing works"


def test_a_file_in_the_lakes_place(home: Home, tmp_path: Path) -> None:
    (tmp_path / ".run").write_text("a file", "utf-8")
    lake = found(home)["lake"]
    assert lake.state == "wrong"
    assert str(tmp_path / ".run") in lake.remedy


def test_what_is_behind_an_address_is_asked(home: Home) -> None:
    def away() -> None:
        raise ServiceUnavailableError("it is away; start it", conn_id="x")

    refused = tried("x", "there", away)
    assert refused.state == "wrong"
    assert "it is away; start it" in refused.remedy
    assert tried("x", "there", lambda: None).state == "good"


def test_the_command_fails_where_something_is_wrong(home: Home, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("AI_PATTERNS_HOME", str(tmp_path))
    assert main(["doctor", "--without-airflow"]) == 0
    assert "Nothing is wrong." in capsys.readouterr().out
    (home.systems / "docks").unlink()
    assert main(["doctor", "--without-airflow"]) == 1
    assert "1 things are wrong." in capsys.readouterr().out
