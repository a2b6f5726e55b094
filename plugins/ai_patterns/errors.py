"""Every error that the package raises on purpose.

```
AIPatternsError
├── SpecError                    file, line, field, nearest valid name
├── MissingDependencyError       the extra to install
├── MissingProgramError          the program to install
├── IncompleteTaskError          a task's target is not there: retry
├── ServiceError                 names the connection id
│   ├── ServiceUnavailableError  away for now: retry
│   │   └── FencedError          another writer took over: stop, and claim again
│   └── ServiceRejectedError     refused: never retry
└── GateFailedError              a red task that is never retried
    ├── DataQualityError
    ├── DriftDetectedError
    ├── ParityError
    ├── CertificateError
    ├── ContractError
    └── PromotionRejectedError
```
"""

from __future__ import annotations

from pathlib import Path


class AIPatternsError(Exception):
    """Root of the tree."""


class SpecError(AIPatternsError):
    """A system's spec is wrong.

    Args:
        problem: what is wrong, in one sentence.
        file: the file at fault.
        line: its line, counted from 1.
        field: dotted path of the field, such as `streams.arrived.key`.
        nearest: the valid name that was probably meant.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: Path | str | None = None,
        line: int | None = None,
        field: str | None = None,
        nearest: str | None = None,
    ) -> None:
        self.problem, self.file, self.line, self.field, self.nearest = (
            problem,
            file,
            line,
            field,
            nearest,
        )
        place = ":".join(str(part) for part in (file, line) if part is not None)
        where = " ".join(part for part in (place, f"[{field}]" if field else "") if part)
        hint = f" Did you mean {nearest!r}?" if nearest else ""
        super().__init__(f"{where}: {problem}{hint}" if where else f"{problem}{hint}")


class MissingDependencyError(AIPatternsError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        self.package, self.extra = package, extra
        super().__init__(f"{package} is not installed. Install it with: pip install 'ai-patterns-airflow[{extra}]'")


class MissingProgramError(AIPatternsError):
    """A program outside Python is not installed."""

    def __init__(self, program: str, remedy: str) -> None:
        self.program, self.remedy = program, remedy
        super().__init__(f"{program} is missing. Remedy: {remedy}")


class IncompleteTaskError(AIPatternsError):
    """What a task needs, or was to make, is not there; a later try may find it."""


class ServiceError(AIPatternsError):
    """A system that the task depends on failed.

    Args:
        problem: what happened.
        conn_id: the Airflow connection that leads to the system.
    """

    def __init__(self, problem: str, *, conn_id: str | None = None) -> None:
        self.problem, self.conn_id = problem, conn_id
        hint = f" Check the connection {conn_id!r}." if conn_id else ""
        super().__init__(f"{problem}{hint}")


class ServiceUnavailableError(ServiceError):
    """The system is away; the same call may succeed later."""


class FencedError(ServiceUnavailableError):
    """Another writer took over what this one held; it must stop, and may claim again."""


class ServiceRejectedError(ServiceError):
    """The system refused; the same call will be refused again."""


class GateFailedError(AIPatternsError):
    """A gate said no; a retry would only say no again."""


class DataQualityError(GateFailedError):
    """A partition failed its expectations and was not published.

    Args:
        problem: which expectation, on what, and how many rows.
        report: the whole audit, where one was made.
    """

    def __init__(self, problem: str, report: object | None = None) -> None:
        self.problem, self.report = problem, report
        super().__init__(problem)


class DriftDetectedError(GateFailedError):
    """Data or predictions moved further than the spec allows."""


class ParityError(GateFailedError):
    """Served features differ from their recomputation."""


class CertificateError(GateFailedError):
    """Batch and speed layer merged differ from the lake."""


class ContractError(GateFailedError):
    """A service no longer keeps what its contract promises.

    Args:
        problem: what a client would miss.
        service: the service.
    """

    def __init__(self, problem: str, service: str) -> None:
        self.problem, self.service = problem, service
        super().__init__(f"{problem}. Keep the old form too, or publish a new include/contracts/{service}.json.")


class PromotionRejectedError(GateFailedError):
    """A challenger did not earn the champion's place."""
