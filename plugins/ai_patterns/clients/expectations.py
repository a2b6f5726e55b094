"""Great Expectations: suites built from a stream's rules, and a user's own suite file."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from ai_patterns.clients.one_pass import evaluate_in_one_pass
from ai_patterns.core.expectations import Configuration, Outcome
from ai_patterns.core.quality import DAY_NUMBER, Expectation
from ai_patterns.errors import DataQualityError, MissingDependencyError

log = logging.getLogger(__name__)


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
    wanted = {DAY_NUMBER, *(name for rule in rules for name in rule.column.split(","))}
    narrowed = rows.select([name for name in rows.column_names if name in wanted])
    outcomes = evaluate(narrowed, generated_suite(rules), "the generated suite")
    return [
        (rule, list(outcome.unexpected_rows or ()))
        for rule, outcome in zip(rules, outcomes, strict=True)
        if not outcome.success
    ]


def check_user_suite(rows: pa.Table, file: Path) -> list[UserFailure]:
    """Check a suite file, as Great Expectations writes it, on the rows of one day.

    An expectation about single values without `mostly` names the rows; any other judges the day as a whole.

    Raises:
        DataQualityError: the file is no suite, or an expectation could not be evaluated.
    """
    suite = _read_suite(file)
    return [
        _user_failure(expectation, outcome)
        for expectation, outcome in zip(suite, evaluate(rows, suite, str(file)), strict=True)
        if not outcome.success
    ]


def evaluate(rows: pa.Table, expectations: Sequence[Configuration], origin: str) -> list[Outcome]:
    """Evaluate expectations in their order: in one query where that is exact, else by Great Expectations.

    Args:
        rows: the table.
        expectations: what is expected of it.
        origin: where the expectations come from, for errors.

    Raises:
        DataQualityError: the expectations are no suite, or one could not be evaluated.
    """
    found = evaluate_in_one_pass(rows, expectations)
    others = {number: each for number, each in enumerate(expectations) if number not in found}
    if others:
        log.info("left to Great Expectations: %s", ", ".join(sorted({each.type for each in others.values()})))
        found |= evaluate_by_library(rows, others, origin)
    return [found[number] for number in range(len(expectations))]


def evaluate_by_library(rows: pa.Table, expectations: Mapping[int, Configuration], origin: str) -> dict[int, Outcome]:
    """Evaluate numbered expectations on Great Expectations' own pandas engine; raises what `evaluate` raises."""
    results = validate(rows, expectations, origin, "COMPLETE")
    return {int(result.expectation_config.meta["number"]): _outcome(result) for result in results}


def validate(rows: pa.Table, expectations: Mapping[int, Configuration], origin: str, result_format: str) -> list[Any]:
    """Great Expectations' own results, in its own order: each carries its number in its `meta`."""
    gx = _library()
    numbered = [
        {"type": each.type, "kwargs": dict(each.kwargs), "meta": {"number": number}}
        for number, each in expectations.items()
    ]
    try:
        suite = gx.ExpectationSuite("numbered", expectations=numbered)
    except Exception as error:  # the library raises its own, pydantic's and marshmallow's errors here
        raise DataQualityError(f"{origin} is no Great Expectations suite: {error}") from error
    taken = {each.meta["number"] for each in suite.expectations}
    unknown = sorted({each.type for number, each in expectations.items() if number not in taken})
    if unknown:  # the library leaves out what it does not know
        raise DataQualityError(f"{origin} is no Great Expectations suite: there is no {', '.join(unknown)}")
    batch = _batch_definition().get_batch({"dataframe": rows.to_pandas()})
    return list(batch.validate(suite, result_format=result_format).results)


def _outcome(result: Any) -> Outcome:
    problem = _exception(result.exception_info)
    if problem:
        raise DataQualityError(f"{result.expectation_config.type} could not be evaluated: {problem}")
    found = dict(result.result)
    told = {field.name: found[field.name] for field in fields(Outcome) if field.name in found}
    if "unexpected_index_list" in found:
        told["unexpected_rows"] = tuple(int(row) for row in found["unexpected_index_list"])
    return Outcome(bool(result.success), **told)


def _exception(info: Any) -> str:
    entries = [info] if "raised_exception" in info else list(info.values())
    return next((str(entry["exception_message"]) for entry in entries if entry["raised_exception"]), "")


def _user_failure(expectation: Configuration, outcome: Outcome) -> UserFailure:
    column = str(expectation.kwargs.get("column") or "")
    rows = outcome.unexpected_rows
    if rows is not None and expectation.kwargs.get("mostly", 1) == 1:
        return UserFailure(expectation.type, column, rows, len(rows))
    return UserFailure(expectation.type, column, None, outcome.unexpected_count or 0)


def _read_suite(file: Path) -> list[Configuration]:
    try:
        found = json.loads(file.read_text("utf-8"))["expectations"]
        return [Configuration(str(each["type"]), dict(each.get("kwargs") or {})) for each in found]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataQualityError(f"{file} is no Great Expectations suite: {error!r}") from error


def generated_suite(rules: Sequence[Expectation]) -> list[Configuration]:
    """A stream's rules in Great Expectations' terms."""
    return [_configuration(rule) for rule in rules]


def _configuration(rule: Expectation) -> Configuration:
    column = {"column": rule.column}
    match rule.kind:
        case "type":
            return Configuration("expect_column_values_to_be_null", column)
        case "not_null":
            return Configuration("expect_column_values_to_not_be_null", column)
        case "values":
            return Configuration("expect_column_values_to_be_in_set", {**column, "value_set": list(rule.values)})
        case "range":
            bounds = {"min_value": rule.minimum, "max_value": rule.maximum}
            return Configuration("expect_column_values_to_be_between", {**column, **bounds})
        case "pattern":
            return Configuration("expect_column_values_to_match_regex", {**column, "regex": rf"^(?:{rule.pattern})\Z"})
        case "unique":
            key = [DAY_NUMBER, *rule.column.split(",")]
            return Configuration("expect_compound_columns_to_be_unique", {"column_list": key})


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
