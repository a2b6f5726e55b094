"""Progress on a terminal as one living line; in a log as a line whenever it changes."""

from __future__ import annotations

import sys
import time


class Progress:
    """Tells what goes on in one phase, and how long it took."""

    def __init__(self, title: str) -> None:
        self._title, self._start, self._last = title, time.monotonic(), ""

    @property
    def seconds(self) -> float:
        """Since the phase began."""
        return time.monotonic() - self._start

    def __call__(self, text: str) -> None:
        """Tell the present state."""
        if sys.stdout.isatty():
            print(f"\r\033[K{self._title}: {text} ({self.seconds:.0f} s)", end="", flush=True)
        elif text != self._last:
            print(f"{self._title}: {text} ({self.seconds:.0f} s)", flush=True)
        self._last = text

    def done(self, text: str) -> None:
        """Close the phase with its result."""
        start = "\r\033[K" if sys.stdout.isatty() else ""
        print(f"{start}{self._title}: {text} ({self.seconds:.1f} s)", flush=True)
