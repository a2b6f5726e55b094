"""From pydantic's errors to one `SpecError` with file, line, field and the nearest valid name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ai_patterns.errors import SpecError
from ai_patterns.spec.document import line_of
from ai_patterns.spec.system import SystemSpec

Place = tuple[Any, ...]


def diagnose(error: ValidationError, document: Any, path: Path) -> SpecError:
    """The most telling of the errors; a misspelt key comes before the required key that it leaves missing."""
    found = error.errors()
    details = min(found, key=lambda item: item["type"] != "extra_forbidden")
    place = _place(details)
    problem = details["msg"].removeprefix("Value error, ")
    if len(found) > 1:
        problem += f" (and {len(found) - 1} more)."
    return SpecError(
        problem,
        file=path,
        line=line_of(document, place),
        field=".".join(str(part) for part in place) or None,
        nearest=_nearest(details, place),
    )


def closest(word: str, names: Iterable[str]) -> str | None:
    """The one of `names` that was probably meant.

    >>> closest("lable", ["label", "stream"]), closest("xyz", ["label", "stream"])
    ('label', None)
    """
    return next(iter(difflib.get_close_matches(word, list(names), n=1, cutoff=0.5)), None)


def _place(details: ErrorDetails) -> Place:
    """A check across parts tells the whole field; one inside a part tells the field `within` it."""
    context = details.get("ctx", {})
    if "field" in context:
        return tuple(context["field"])
    place = tuple(part for part in details["loc"] if part != "[key]")
    return (*place, *context.get("within", ()))


def _nearest(details: ErrorDetails, place: Place) -> str | None:
    context = details.get("ctx", {})
    if "names" in context:
        return closest(context["bad"], context["names"])
    if details["type"] == "extra_forbidden":
        return closest(str(place[-1]), _fields_at(place[:-1]))
    if details["type"] == "literal_error":
        return closest(str(details["input"]), context["expected"].replace("'", "").replace(" or ", ", ").split(", "))
    return None


def _fields_at(place: Place) -> list[str]:
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
