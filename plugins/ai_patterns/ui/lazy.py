"""A web application that is built when its first request arrives."""

from __future__ import annotations

import importlib
from functools import cached_property
from typing import Any


class LazyApp:
    """An ASGI application that imports `module` and calls its `build()` at the first request.

    Airflow loads plugins in every task process; this keeps FastAPI, templates and Arrow out of them.
    """

    def __init__(self, module: str) -> None:
        self._module = module

    @cached_property
    def app(self) -> Any:
        """The application itself."""
        return importlib.import_module(self._module).build()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one ASGI connection."""
        await self.app(scope, receive, send)
