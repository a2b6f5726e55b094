"""A request that is wrong."""

from __future__ import annotations

from ai_patterns.errors import ServiceRejectedError


class RequestError(ServiceRejectedError):
    """The request is wrong; it is answered with `status`.

    Args:
        problem: what is wrong, in one sentence.
        status: the HTTP status.
        retry_after: seconds after which the same request may pass.
    """

    def __init__(self, problem: str, *, status: int = 422, retry_after: int | None = None) -> None:
        self.status, self.retry_after = status, retry_after
        super().__init__(problem)
