"""A service gets a replica more, or one less, by what is seen of its traffic."""

from __future__ import annotations

import logging
import time
from functools import partial

from ai_patterns.core.scaling import ScalingRule
from ai_patterns.jobs.microservices import WORKER, Places, balancer, deploy, home_of, wanted_replicas, worker
from ai_patterns.jobs.stream_workers import waiting_messages
from ai_patterns.spec.system import SystemSpec

_LOOKS, _LOOK_SECONDS = 4, 1.0

log = logging.getLogger(__name__)


def scale(system: SystemSpec, places: Places, service: str, rule: ScalingRule) -> dict[str, float]:
    """Look at a service several times in a row, and add or take away a replica as the rule says.

    The measure is the mean milliseconds to an answer (over the last 1,024 requests), 0 while nothing is asked; of
    stream workers, the messages that wait.
    """
    streamed = service == WORKER
    looks = _waiting(system, places) if streamed else _answering(system, service)
    measure, present = "messages" if streamed else "milliseconds", wanted_replicas(system, service)
    chosen = rule.replicas(present, looks)
    log.info("%s: %s %s in %d looks: %d replicas, was %d", service, looks, measure, len(looks), chosen, present)
    if chosen != present:
        deploy(system, places, service, replicas=chosen)
    return {measure: max(looks, default=0.0), "replicas": chosen, "before": present}


def _waiting(system: SystemSpec, places: Places) -> list[float]:
    home, looks = home_of(system) / WORKER, []
    for _ in range(_LOOKS):
        time.sleep(_LOOK_SECONDS)
        looks.append(waiting_messages(home, partial(worker, system, places, "")))
    return looks


def _answering(system: SystemSpec, service: str) -> list[float]:
    front, looks = balancer(system), []
    before = front.traffic()[service, "BACKEND"].requests
    for _ in range(_LOOKS):
        time.sleep(_LOOK_SECONDS)
        seen = front.traffic()[service, "BACKEND"]
        looks.append(float(seen.milliseconds if seen.requests > before else 0))
        before = seen.requests
    return looks
