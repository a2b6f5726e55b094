"""What a valid spec answers."""

from __future__ import annotations

import datetime as dt

import pytest
from pydantic import ValidationError

from ai_patterns.spec.loading import find_systems, load_system
from ai_patterns.starter import write_starter


@pytest.fixture
def system(tmp_path):
    return load_system(write_starter(tmp_path / "pumps"))


def test_features_are_named_by_group_aggregation_and_window(system) -> None:
    assert system.feature_columns == ("machine__load_3h", "machine__load_1d", "machine__attention_7d")
    assert system.groups["machine"].max_window == dt.timedelta(days=7)


def test_short_form_of_a_column(system) -> None:
    column = system.streams["hours"].columns["starts"]
    assert (column.type, column.nullable) == ("timestamp", False)


def test_dates_and_folder(system, tmp_path) -> None:
    assert system.start == dt.date(2024, 1, 1)
    assert system.folder == tmp_path.resolve() / "pumps"


def test_is_frozen(system) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        system.owner = "other"


def test_systems_are_found_by_name(tmp_path) -> None:
    for name in ("zebra", "ant"):
        write_starter(tmp_path / name)
    (tmp_path / "no_system").mkdir()
    assert [folder.name for folder in find_systems(tmp_path)] == ["ant", "zebra"]


def test_the_starter_overwrites_nothing(tmp_path) -> None:
    write_starter(tmp_path / "pumps")
    with pytest.raises(FileExistsError):
        write_starter(tmp_path / "pumps")


def test_flights_loads_within_its_150_lines(repository) -> None:
    folder = repository / "include" / "systems" / "flights"
    assert len((folder / "system.yaml").read_text("utf-8").splitlines()) <= 150
    assert load_system(folder).decision.lead == dt.timedelta(minutes=60)
