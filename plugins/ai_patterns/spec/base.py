"""What all parts of a spec share: they are frozen and refuse unknown keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

NAME_PATTERN = r"^[a-z][a-z0-9_]{0,62}$"
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""A snake_case name: it becomes part of DAG ids, table paths and column names."""


class Part(BaseModel):
    """A frozen piece of a system's spec."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def refuse(problem: str, *within: str) -> PydanticCustomError:
    """An error of one part that names the field `within` it that is at fault."""
    return PydanticCustomError("refused", "{problem}", {"problem": problem, "within": within})
