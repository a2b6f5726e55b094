"""Reading `system.yaml`: errors carry the file, the line, the field and the nearest valid name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from yaml import MarkedYAMLError

from ai_patterns.errors import SpecError
from ai_patterns.spec.diagnosis import closest, diagnose
from ai_patterns.spec.document import line_of, parse
from ai_patterns.spec.streams import TableSpec
from ai_patterns.spec.system import SystemSpec

FILE_NAME = "system.yaml"


def load_system(folder: Path | str) -> SystemSpec:
    """Load and check the system in `folder`.

    Raises:
        SpecError: the file is absent, is no YAML, or describes no valid system.
    """
    path = Path(folder).absolute() / FILE_NAME
    document = _parse(path)
    try:
        system = SystemSpec.model_validate(document)
    except ValidationError as error:
        raise diagnose(error, document, path) from None
    if system.name != path.parent.name:
        raise SpecError(
            f"the system is named {system.name!r} but its folder {path.parent.name!r}; they must agree.",
            file=path,
            line=line_of(document, ("name",)),
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
        document = parse(path.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise SpecError(f"not UTF-8 text: {error.reason} at byte {error.start}", file=path) from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise SpecError(f"not valid YAML: {error.problem}", file=path, line=line) from None
    if not isinstance(document, dict):
        raise SpecError("the file must hold a mapping", file=path, line=1)
    return document


def _check_files(system: SystemSpec, document: Any, path: Path) -> None:
    tables: list[tuple[str, str, TableSpec]] = [("streams", *item) for item in system.streams.items()]
    tables += [("dimensions", *item) for item in system.dimensions.items()]
    present = [file.relative_to(system.folder).as_posix() for file in system.folder.rglob("*") if file.is_file()]
    for section, name, table in tables:
        for field in ("sql", "suite"):
            file = getattr(table, field, None)
            if file is not None and not (system.folder / file).is_file():
                place = (section, name, field)
                raise SpecError(
                    f"there is no file {file!r} in the system's folder.",
                    file=path,
                    line=line_of(document, place),
                    field=".".join(place),
                    nearest=closest(file, present),
                )
