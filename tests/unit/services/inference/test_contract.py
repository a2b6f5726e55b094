"""The contract in the repository is what the service says of itself."""

from __future__ import annotations

import json
from pathlib import Path

import bakery
from ai_patterns.services.inference.app import create_app
from ai_patterns.services.inference.edge import find_target
from ai_patterns.services.inference.settings import Settings
from ai_patterns.services.inference.worker import build_service


def document(tmp_path: Path) -> dict[str, object]:
    settings = Settings(bakery.FOLDER, str(tmp_path), f"sqlite:///{tmp_path}/mlflow.db", tmp_path)
    return create_app(build_service(settings)).openapi()


def test_the_contract_is_kept(repository: Path, tmp_path: Path) -> None:
    kept = repository / "include" / "contracts" / "inference.json"
    assert json.loads(kept.read_text("utf-8")) == document(tmp_path), f"write {kept.name} again if the change is meant"


def test_a_colon_belongs_to_the_name() -> None:
    found = find_target("/v1/models/bakery/labels/a:b:classify")
    assert found is not None
    assert (found.name, found.label, found.operation.protocol) == ("bakery", "a:b", "tensorflow")


def test_every_prediction_of_the_contract_is_answered(tmp_path: Path) -> None:
    paths = document(tmp_path)["paths"]
    asked = [path for path, operations in paths.items() if "requestBody" in operations.get("post", {})]
    assert len(asked) == 12
    for path in asked:
        filled = path.replace("{name}", "bakery").replace("{version}", "3").replace("{label}", "champion")
        assert find_target(filled) is not None, path
