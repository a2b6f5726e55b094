"""Where a system's raw rows come from."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from ai_patterns.spec.base import Part


class SourceSpec(Part):
    """One raw table: exactly one of `package`, `path` alone, or `query`.

    Attributes:
        package: an installed Python package that carries the file `path`.
        path: a CSV (also zipped) or Parquet file; without `package` relative to the system's folder, or a glob.
        query: SQL to run through the Airflow connection `conn_id`.
        nulls: the texts that mean "no value" in a CSV file.
        types: column types of a CSV file where the guess would be wrong.
    """

    package: str | None = None
    path: str | None = None
    query: str | None = None
    conn_id: str | None = None
    nulls: tuple[str, ...] = ("", "NA")
    types: dict[str, Literal["string", "integer", "double"]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.query is not None:
            if self.path or self.package:
                raise ValueError("a source has either a query or a path, not both")
            if not self.conn_id:
                raise ValueError("a query needs conn_id, the Airflow connection to run it on")
        elif self.path is None:
            raise ValueError("a source needs a path (with or without a package) or a query")
        return self
