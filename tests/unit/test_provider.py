"""What the wheel tells Airflow of itself is true."""

from __future__ import annotations

import json
from importlib import import_module, resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from airflow.cli.cli_config import ActionCommand

from ai_patterns.cli.airflow import get_commands
from ai_patterns.operators.batch_processing import BuildFeaturesOperator
from ai_patterns.operators.online_offline_serving import PromoteModelOperator
from ai_patterns.operators.page_link import PAGES, SystemPageLink
from ai_patterns.provider import get_provider_info
from ai_patterns.ui.pages import PAGES as KNOWN

FLIGHTS = Path(__file__).resolve().parents[2] / "include" / "systems" / "flights"


def test_the_description_is_as_airflow_asks() -> None:
    schema = json.loads(resources.files("airflow").joinpath("provider_info.schema.json").read_text("utf-8"))
    jsonschema.validate(get_provider_info(), schema)


@pytest.mark.parametrize("layer", ["hooks", "operators", "sensors", "triggers"])
def test_every_module_is_named(repository: Path, layer: str) -> None:
    (told,) = get_provider_info()[layer]
    folder = repository / "plugins" / "ai_patterns" / layer
    public = {file.stem for file in folder.glob("*.py") if "def __init__" in file.read_text("utf-8")}
    shared = {"system", "deferring", "polling", "measures", "page_link"}
    named = {name.rpartition(".")[2] for name in told["python-modules"]}
    assert public - shared <= named
    for name in told["python-modules"]:
        import_module(name)


@pytest.mark.parametrize("told", get_provider_info()["connection-types"], ids=lambda told: told["connection-type"])
def test_a_connection_type_is_its_hooks_own(told: dict[str, Any]) -> None:
    module, _, name = told["hook-class-name"].rpartition(".")
    hook = getattr(import_module(module), name)
    assert (hook.conn_type, hook.hook_name) == (told["connection-type"], told["hook-name"])
    assert hook.conn_type == hook.default_conn_name


def test_a_task_leads_to_the_page_about_it(monkeypatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://example.org/team/airflow/")
    link = SystemPageLink()
    build = BuildFeaturesOperator(task_id="build", system=FLIGHTS)
    assert link.get_link(build, ti_key=None) == "/team/airflow/ai-patterns/systems/flights/features"
    promote = PromoteModelOperator(task_id="promote", system=FLIGHTS)
    assert [item.name for item in promote.operator_extra_links] == ["AI patterns"]
    assert link.get_link(promote, ti_key=None).endswith("/flights/models")
    assert set(PAGES.values()) <= set(KNOWN)


def test_airflow_hands_the_words_on(capsys, monkeypatch, repository: Path) -> None:
    monkeypatch.setenv("AI_PATTERNS_SYSTEMS", str(repository / "include" / "systems"))
    (command,) = get_commands()
    assert isinstance(command, ActionCommand)
    assert command.name == "ai-patterns"
    with pytest.raises(SystemExit) as ended:
        command.func(type("Words", (), {"words": ["--", "validate"]}))
    assert ended.value.code == 0
    assert "flights: valid" in capsys.readouterr().out
