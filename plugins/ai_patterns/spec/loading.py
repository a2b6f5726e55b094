"""Reading `system.yaml`: errors carry the file, the line, the field and the nearest valid name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from ai_patterns.errors import SpecError
from ai_patterns.spec.streams import TableSpec
from ai_patterns.spec.system import SystemSpec

FILE_NAME = "system.yaml"


def load_system(folder: Path | str) -> SystemSpec:
    """Load and check the system in `folder`.

    Raises:
        SpecError: the file is absent, is no YAML, or describes no valid system.
    """
    path = Path(folder) / FILE_NAME
    document = _parse(path)
    try:
        system = SystemSpec.model_validate(document)
    except ValidationError as error:
        raise _first_error(error, document, path) from None
    if system.name != path.parent.name:
        raise SpecError(
            f"the system is named {system.name!r} but its folder {path.parent.name!r}; they must agree",
            file=path,
            line=_line(document, ("name",)),
            field="name",
            nearest=path.parent.name,
        )
    system._folder = path.parent.resolve()
    _check_files(system, document, path)
    return system


def find_systems(root: Path | str) -> list[Path]:
    """Folders below `root` that hold a `system.yaml`, by name."""
    return sorted(path.parent for path in Path(root).glob(f"*/{FILE_NAME}"))


def _parse(path: Path) -> Any:
    if not path.is_file():
        raise SpecError("there is no such file; `ai-patterns new NAME` writes a starter", file=path)
    try:
        document = YAML(typ="rt").load(StringIO(path.read_text("utf-8")))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise SpecError(f"not valid YAML: {error.problem}", file=path, line=line) from None
    if not isinstance(document, dict):
        raise SpecError("the file must hold a mapping", file=path, line=1)
    return document


def _first_error(error: ValidationError, document: Any, path: Path) -> SpecError:
    details = error.errors()[0]
    context = details.get("ctx", {})
    place: tuple[Any, ...] = tuple(context["field"]) if "field" in context else details["loc"]
    return SpecError(
        details["msg"].removeprefix("Value error, "),
        file=path,
        line=_line(document, place),
        field=".".join(str(part) for part in place) or None,
        nearest=_nearest(details, place),
    )


def _nearest(details: ErrorDetails, place: Sequence[Any]) -> str | None:
    context = details.get("ctx", {})
    if "names" in context:
        return _closest(context["bad"], context["names"])
    if details["type"] == "extra_forbidden":
        return _closest(str(place[-1]), _fields_at(place[:-1]))
    if details["type"] == "literal_error":
        return _closest(str(details["input"]), context["expected"].replace("'", "").replace(" or ", ", ").split(", "))
    return None


def _closest(word: str, names: Sequence[str]) -> str | None:
    return next(iter(difflib.get_close_matches(word, names, n=1, cutoff=0.5)), None)


def _fields_at(place: Sequence[Any]) -> list[str]:
    """Names of the fields that the model at `place` has."""
    model: Any = SystemSpec
    for part in place:
        if isinstance(model, type) and issubclass(model, BaseModel) and part in model.model_fields:
            model = model.model_fields[part].annotation
        model = _value_type(model)
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _value_type(annotation: Any) -> Any:
    """The model inside `dict[Name, Model]` or `Model`."""
    arguments = getattr(annotation, "__args__", ())
    return next((item for item in arguments if isinstance(item, type) and issubclass(item, BaseModel)), annotation)


def _line(document: Any, place: Sequence[Any]) -> int:
    """Line of the deepest part of `place` that the document holds, counted from 1."""
    node, line = document, 1
    for part in place:
        marks = getattr(getattr(node, "lc", None), "data", None) or {}
        if part not in marks:
            break
        line = marks[part][0] + 1
        node = node[part]
    return line


def _check_files(system: SystemSpec, document: Any, path: Path) -> None:
    tables: list[tuple[str, str, TableSpec]] = [("streams", *item) for item in system.streams.items()]
    tables += [("dimensions", *item) for item in system.dimensions.items()]
    for section, name, table in tables:
        for field in ("sql", "suite"):
            file = getattr(table, field, None)
            if file is not None and not (system.folder / file).is_file():
                place = (section, name, field)
                raise SpecError(
                    f"there is no file {file!r} in the system's folder",
                    file=path,
                    line=_line(document, place),
                    field=".".join(place),
                )
