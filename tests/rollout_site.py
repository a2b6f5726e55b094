"""A service that starts at once, behind a real balancer."""

from __future__ import annotations

import sys
from pathlib import Path

from ai_patterns.jobs.microservices import require_contract
from ai_patterns.jobs.rollout import Rollout, Wanted
from ai_patterns.runtimes.haproxy import HAProxy

SERVICE = "quick"


def balancer(home: Path) -> HAProxy:
    return HAProxy(home / "haproxy", {SERVICE: "/ready"})


def rollout(home: Path, version: str, *how: str, replicas: int = 2) -> Rollout:
    command = (sys.executable, str(Path(__file__).parent / "quick_service.py"), version, *how)
    wanted = Wanted(SERVICE, command, {}, "/ready", version, replicas)
    return Rollout(home / SERVICE, wanted, balancer(home), lambda url: require_contract(SERVICE, url))
