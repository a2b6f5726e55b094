"""`python -m ai_patterns.services.inference`: serves one system's champion."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence

from ai_patterns.services.inference.settings import read_settings
from ai_patterns.services.inference.supervisor import Supervisor


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve as the command line and the environment say."""
    arguments = sys.argv[1:] if arguments is None else arguments
    settings = read_settings(arguments, os.environ)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is imported, which starts its threads then
    if settings.workers == 1:
        from ai_patterns.services.inference.worker import serve  # a supervisor needs nothing of what a worker holds

        serve(settings)
    else:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        worker = [sys.executable, "-m", "ai_patterns.services.inference", *arguments, "--workers", "1", "--channel"]
        Supervisor(worker, settings.workers).run(settings.host, settings.port)


if __name__ == "__main__":
    main()
