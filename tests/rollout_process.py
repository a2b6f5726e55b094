"""A deployer that is killed: `python rollout_process.py HOME VERSION STEP` ends with SIGKILL before its STEPth step.

A step is whatever is seen from outside: a word to the balancer, a process that starts, a process that is ended.
"""

import os
import signal
import sys
from pathlib import Path

from ai_patterns.runtimes import process_group
from ai_patterns.runtimes.haproxy import HAProxy
from rollout_site import rollout

home, version, last = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
steps = 0


def counted(function):
    def step(*arguments):
        global steps  # noqa: PLW0603  one count for all
        if not str(arguments[-1]).startswith("show"):
            steps += 1
            if steps == last:
                os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments)

    return step


HAProxy.ask = counted(HAProxy.ask)
process_group.start = counted(process_group.start)
process_group.end = counted(process_group.end)
rollout(home, version).run()
print(steps)
