"""What all parts of a spec share: they are frozen and refuse unknown keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

NAME_PATTERN = r"^[a-z][a-z0-9_]{0,62}$"
# fmt: off
RESERVED = frozenset((
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "at", "between", "both", "by",
    "case", "cast", "check", "collate", "column", "constraint", "create", "cross", "default", "deferrable", "desc",
    "describe", "distinct", "do", "else", "end", "except", "exists", "false", "fetch", "for", "foreign", "from",
    "full", "group", "having", "in", "initially", "inner", "intersect", "interval", "into", "is", "join", "lambda",
    "lateral", "leading", "left", "like", "limit", "natural", "not", "null", "offset", "on", "only", "or", "order",
    "outer", "over", "placing", "primary", "qualify", "references", "returning", "right", "select", "set", "show",
    "some", "summarize", "symmetric", "table", "then", "to", "trailing", "true", "union", "unique", "unpivot",
    "update", "using", "values", "variadic", "when", "where", "window", "with",
))
# fmt: on
"""Words that SQL keeps for itself, on DuckDB or on Spark."""


def _not_reserved(name: str) -> str:
    if name in RESERVED:
        raise ValueError(f"{name!r} is a reserved word of SQL; choose another name, such as {name}_value")
    return name


Title = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""A snake_case word for people and file names."""

Name = Annotated[Title, AfterValidator(_not_reserved)]
"""A snake_case name: it becomes part of DAG ids, table paths and column names."""


ServiceName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}(:v[1-9][0-9]*)?$")]
"""A snake_case name, with a version where it has several: `arrivals:v2`."""


Topic = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,200}$")]
"""Name of a Kafka topic, with room for what is added to it, such as `.dead`."""


class Part(BaseModel):
    """A frozen piece of a system's spec."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def refuse(problem: str, *within: str) -> PydanticCustomError:
    """An error of one part that names the field `within` it that is at fault."""
    return PydanticCustomError("refused", "{problem}", {"problem": problem, "within": within})
