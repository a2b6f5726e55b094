"""What somebody else may change is read again and again; what was found last holds until then."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod

from ai_patterns.errors import AIPatternsError

log = logging.getLogger(__name__)


class Follower(ABC):
    """A thread that refreshes; subclasses implement `refresh`.

    Args:
        what: what is followed, for people.
        poll_seconds: how often.
    """

    def __init__(self, what: str, poll_seconds: float) -> None:
        self._what, self._poll_seconds = what, poll_seconds
        self._problem: str | None = None
        self._refreshing, self._stop, self._looked = threading.Lock(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"{what}-follower", daemon=True)

    @property
    def problem(self) -> str | None:
        """Why the last look failed; what was found before holds on."""
        return self._problem

    @abstractmethod
    def refresh(self) -> object:
        """Look now."""

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def await_look(self, seconds: float) -> None:
        """Wait until one look is over, whatever came of it."""
        self._looked.wait(seconds)

    def stop(self) -> None:
        """Stop following."""
        self._stop.set()
        self._thread.join(timeout=self._poll_seconds + 5)

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                self.refresh()
            except AIPatternsError as error:
                self._problem = str(error)
                log.warning("the %s cannot be refreshed: %s", self._what, error)
            except Exception as error:
                self._problem = str(error)
                log.exception("the %s cannot be refreshed", self._what)
            self._looked.set()
            self._stop.wait(self._poll_seconds)
