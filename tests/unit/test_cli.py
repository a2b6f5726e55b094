"""The command, called as a user calls it."""

from __future__ import annotations

import argparse
import json
import shlex
from importlib import import_module

import pytest

from ai_patterns.cli import PARTS, build_parser, main
from ai_patterns.cli.loop import serving_arguments
from ai_patterns.clients.lake import Lake
from ai_patterns.core.days import Days
from ai_patterns.jobs.ingestion import ingest
from ai_patterns.services.inference.settings import read_settings
from ai_patterns.starter import write_starter
from shop import order, orders, shop


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


@pytest.mark.parametrize("command", ["validate", "new", "evaluate", "parity", "readmit", "serve", "rollback", "report"])
def test_every_command_shows_a_call_that_it_understands(capsys, command: str) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    example = capsys.readouterr().out.partition("example:")[2].replace("\\\n", " ")
    assert build_parser().parse_args(shlex.split(example)[1:]).run


@pytest.mark.parametrize("part", PARTS)
def test_each_module_has_the_commands_that_are_told_of_it(part: str) -> None:
    commands = argparse.ArgumentParser().add_subparsers()
    import_module(f"ai_patterns.cli.{part}").add_commands(commands)
    assert tuple(commands.choices) == PARTS[part]


def test_a_wrong_word_is_told_every_command(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["explian"])
    told = capsys.readouterr().err
    assert all(command in told for commands in PARTS.values() for command in commands)


def test_evaluate_loads_what_it_needs_and_then_finds_it_there(systems, capsys) -> None:
    write_starter(systems / "pumps")
    call = ["evaluate", "pumps", "--first", "2024-02", "--output", str(systems / "out" / "evaluate.json")]
    assert main([*call, "--decisions", "50"]) == 0
    rungs = json.loads((systems / "out" / "evaluate.json").read_text("utf-8"))
    assert [set(rung) for rung in rungs] == [{"rung", "columns", "rows", "auc", "brier", "ece"}] * len(rungs)
    assert "0 features differ" in capsys.readouterr().out
    lake = Lake(str(systems / ".run" / "evaluate"), "pumps")
    version = lake.version("training_sets")
    assert main([*call, "--decisions", "5"]) == 0
    assert lake.version("training_sets") == version


def test_evaluate_names_the_months_that_it_lacks(systems, capsys) -> None:
    write_starter(systems / "pumps")
    assert main(["evaluate", "pumps"]) == 1
    assert "the last full month of 'pumps' is 2024-02, before the first to predict, 2024-04" in capsys.readouterr().err
    assert main(["evaluate", "pumps", "--first", "2024-02", "--last", "2024-06"]) == 1
    assert "2024-06-30 was asked for" in capsys.readouterr().err


def test_readmit_mends_rows_in_the_lake(systems, capsys) -> None:
    system = shop(systems, [*orders(18), order(18, price="12 EUR"), order(19, shop="east")])
    lake = Lake(str(systems / "lake"), "shop")
    ingest(system, lake, Days.parse("2024-01-01"), run_id="run")
    fix = "SELECT * REPLACE (replace(price, ' EUR', '') AS price) FROM quarantined"
    assert main(["readmit", "shop", "orders", "2024-01-01", "--fix-sql", fix]) == 0
    told = capsys.readouterr().out
    assert "1 rows readmitted" in told
    assert "1 stay in quarantine: shop: not one of north, south" in told
    assert "shop__batch_processing" in told
    assert lake.dataset("events/orders").count_rows() == 19


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["order", "2024-01-01"], "Did you mean 'orders'?"),
        (["orders", "2024-01-01", "--fix-sql", "SELEC 1"], "Parser Error"),
        (["orders", "2024-01-01", "--fix-sql", "SELECT _place FROM quarantined"], "drops the column"),
    ],
)
def test_readmit_says_what_was_wrong(systems, capsys, arguments: list[str], problem: str) -> None:
    system = shop(systems, orders(3))
    ingest(system, Lake(str(systems / "lake"), "shop"), Days.parse("2024-01-01"), run_id="run")
    assert main(["readmit", "shop", *arguments]) == 1
    assert problem in capsys.readouterr().err


def test_readmit_refuses_what_are_no_days(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["readmit", "shop", "orders", "yesterday"])
    assert "'yesterday' is no partition key" in capsys.readouterr().err


def test_serve_hands_the_places_of_the_home_to_the_service(systems) -> None:
    write_starter(systems / "pumps")
    options = build_parser().parse_args(["serve", "pumps", "--port", "9000", "--kafka", "kafka:9092"])
    settings = read_settings(serving_arguments(options), {})
    assert (settings.system_folder, settings.lake) == (systems / "pumps", str(systems / "lake"))
    assert settings.feature_repo == systems / ".run" / "feast" / "pumps"
    assert (settings.host, settings.port, settings.kafka) == ("127.0.0.1", 9000, "kafka:9092")


def test_help_teaches_the_first_steps(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "first steps" in capsys.readouterr().out
