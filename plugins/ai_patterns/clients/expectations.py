"""Great Expectations: suites built from a stream's rules, and a user's own suite file."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa

from ai_patterns.core.quality import DAY_NUMBER, Expectation
from ai_patterns.errors import DataQualityError, MissingDependencyError


@dataclass(frozen=True)
class UserFailure:
    """An expectation of a user's suite that failed.

    Attributes:
        name: its type and column.
        column: its column, empty for one about the table.
        rows: the rows at fault, counted from 0; None where the partition as a whole is at fault.
        count: how many values it found wrong.
    """

    name: str
    column: str
    rows: tuple[int, ...] | None
    count: int


def failing_rows(rows: pa.Table, rules: Sequence[Expectation]) -> list[tuple[Expectation, list[int]]]:
    """Check `rules` on `rows`; return the broken ones with the rows that break them, in order.

    Raises:
        DataQualityError: a rule could not be evaluated, such as one on an absent column.
    """
    if rows.num_rows == 0:
        return []
    frame = _to_pandas(rows, rules)
    # Listing every failing row is slow; so only the rules that failed are asked for their rows.
    failed = [rule for rule, result in _validate(frame, rules, "BOOLEAN_ONLY") if not result.success]
    return [
        (rule, [int(row) for row in result.result["unexpected_index_list"]])
        for rule, result in _validate(frame, failed, "COMPLETE")
    ]


def check_user_suite(rows: pa.Table, file: Path) -> list[UserFailure]:
    """Check a suite file, as Great Expectations writes it, on the rows of one day.

    An expectation about single values without `mostly` names the rows; any other judges the day as a whole.

    Raises:
        DataQualityError: the file is no suite, or an expectation could not be evaluated.
    """
    gx = _library()
    try:
        suite = gx.ExpectationSuite(**_suite_arguments(file))
    except Exception as error:  # the library raises its own, pydantic's and marshmallow's errors here
        raise DataQualityError(f"{file} is no Great Expectations suite: {error}") from error
    results = _run(rows.to_pandas(), suite, "COMPLETE")
    return [_user_failure(result) for result in results if not result.success]


def _user_failure(result: Any) -> UserFailure:
    config = result.expectation_config
    column = str(config.kwargs.get("column") or "")
    rows = result.result.get("unexpected_index_list")
    if rows is not None and config.kwargs.get("mostly", 1) == 1:
        return UserFailure(config.type, column, tuple(int(row) for row in rows), len(rows))
    return UserFailure(config.type, column, None, int(result.result.get("unexpected_count") or 0))


def _suite_arguments(file: Path) -> dict[str, Any]:
    document = json.loads(file.read_text("utf-8"))
    return {"name": document.get("name", file.stem), "expectations": document["expectations"]}


def _validate(frame: Any, rules: Sequence[Expectation], result_format: str) -> Iterator[tuple[Expectation, Any]]:
    if not rules:
        return
    for result in sorted(_run(frame, _suite(tuple(rules)), result_format), key=_number):
        yield rules[_number(result)], result


def _number(result: Any) -> int:
    return int(result.expectation_config.meta["rule"])


@lru_cache(maxsize=64)
def _suite(rules: tuple[Expectation, ...]) -> Any:
    """The rules as a suite; each carries its number, since results come in another order."""
    return _library().ExpectationSuite("generated", expectations=[_build(*item) for item in enumerate(rules)])


def _run(frame: Any, suite: Any, result_format: str) -> list[Any]:
    batch = _batch_definition().get_batch({"dataframe": frame})
    results = list(batch.validate(suite, result_format=result_format).results)
    for result in results:
        problem = _exception(result.exception_info)
        if problem:
            raise DataQualityError(f"{result.expectation_config.type} could not be evaluated: {problem}")
    return results


def _exception(info: Any) -> str:
    entries = [info] if "raised_exception" in info else list(info.values())
    return next((str(entry["exception_message"]) for entry in entries if entry["raised_exception"]), "")


def _build(number: int, rule: Expectation) -> Any:
    gxe: Any = import_module("great_expectations.expectations")
    column, meta = {"column": rule.column}, {"rule": number}
    match rule.kind:
        case "type":
            return gxe.ExpectColumnValuesToBeNull(**column, meta=meta)
        case "not_null":
            return gxe.ExpectColumnValuesToNotBeNull(**column, meta=meta)
        case "values":
            return gxe.ExpectColumnValuesToBeInSet(**column, value_set=list(rule.values), meta=meta)
        case "range":
            bounds = {"min_value": rule.minimum, "max_value": rule.maximum}
            return gxe.ExpectColumnValuesToBeBetween(**column, **bounds, meta=meta)
        case "pattern":
            return gxe.ExpectColumnValuesToMatchRegex(**column, regex=rf"^(?:{rule.pattern})\Z", meta=meta)
        case "unique":
            key = [DAY_NUMBER, *rule.column.split(",")]
            return gxe.ExpectCompoundColumnsToBeUnique(column_list=key, meta=meta)


def _to_pandas(rows: pa.Table, rules: Sequence[Expectation]) -> Any:
    columns = dict.fromkeys(name for rule in rules for name in rule.column.split(","))
    helper = [DAY_NUMBER] if any(rule.kind == "unique" for rule in rules) else []
    return rows.select([*columns, *helper]).to_pandas()


@cache
def _batch_definition() -> Any:
    """One context a process: it takes longer to make than a day to check."""
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = _library().get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("memory")
    return source.add_dataframe_asset("rows").add_batch_definition_whole_dataframe("all")


@cache
def _library() -> Any:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # no telemetry; read at import
    try:
        with _hidden("pyspark"):
            import great_expectations
    except ImportError:
        raise MissingDependencyError("great-expectations", "quality") from None
    return great_expectations


@contextmanager
def _hidden(package: str) -> Iterator[None]:
    """Make a package look absent, unless it is loaded already.

    The library imports PySpark where it finds it, which takes seconds, and which ends the process
    where only Spark's client is installed.
    """
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]
