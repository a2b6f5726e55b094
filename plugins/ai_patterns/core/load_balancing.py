"""HAProxy's configuration and its words (docs.haproxy.org/2.6/configuration.html and management.html, section 9.3)."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SLOTS = 8
"""Places for replicas of a service; a rollout needs one more than there are replicas."""

SOCKET = "admin.sock"

# A server's connection is closed after each answer: one that is reused may be closed by a replica that has just been
# asked to stop. A request that got no byte of an answer is sent again, elsewhere: no route does more when asked twice.
# So is one that got a 502, which a replica's supervisor answers for a worker that died. A 503 is not: it asks to wait.
# It must have come whole before it is passed on: HAProxy keeps no copy of one whose body is still on its way, as that
# of clients which send head and body apart, and could only cut it off. What exceeds the buffer is sent once.
# A check may take as long as a busy replica needs: without a time of its own it has 500 ms, and the last replica that
# is late would be taken out.
_CONFIGURATION = """\
global
  stats socket unix@./{socket} mode 600 level admin
  tune.bufsize 65536

defaults
  mode http
  option http-server-close
  option http-buffer-request
  option redispatch 1
  retries 3
  retry-on conn-failure empty-response 502
  balance leastconn
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout queue 10s
  timeout check 5s

frontend operations
  bind {host}:{port}
  monitor-uri /health
  http-request use-service prometheus-exporter if {{ path /metrics }}
  http-request deny deny_status 404
"""

_SERVICE = """
frontend {name}
  bind {host}:{port}
  default_backend {name}

backend {name}
  option httpchk
  http-check send meth GET uri {ready}
  http-check expect status 200
  default-server check inter 500ms fall 3 rise 1
"""


@dataclass(frozen=True)
class Front:
    """Where a service is reached from outside.

    Attributes:
        name: the service.
        port: the port of its front.
        ready: path at which a replica answers 200 while it can serve.
    """

    name: str
    port: int
    ready: str


def configuration(host: str, port: int, fronts: Sequence[Front]) -> str:
    """The file of a balancer: a front and empty places for each service, metrics and health on `port`."""
    text = _CONFIGURATION.format(socket=SOCKET, host=host, port=port)
    for front in fronts:
        text += _SERVICE.format(name=front.name, host=host, port=front.port, ready=front.ready)
        text += "".join(f"  server {place} {host}:9 disabled\n" for place in places())
    return text


def places() -> tuple[str, ...]:
    """Names of the places of a service's replicas."""
    return tuple(f"r{number}" for number in range(1, SLOTS + 1))


@dataclass(frozen=True)
class Traffic:
    """What the balancer knows of a replica, or of a whole service.

    Attributes:
        status: `UP`, `DOWN`, `DRAIN` or `MAINT`, with what leads there.
        active: requests that it works on.
        requests: requests since the balancer's start.
        failed: of those, how many were answered with 5xx or not at all.
        milliseconds: mean time to an answer, over the last 1,024.
    """

    status: str
    active: int
    requests: int
    failed: int
    milliseconds: int


def read_traffic(table: str) -> Mapping[tuple[str, str], Traffic]:
    r"""The answer to `show stat`: traffic by service and place; the whole service's place is `BACKEND`.

    >>> table = "# pxname,svname,scur,stot,econ,eresp,status,rtime,hrsp_5xx\nfeatures,r1,2,90,0,1,UP,7,3\n"
    >>> read_traffic(table)["features", "r1"]
    Traffic(status='UP', active=2, requests=90, failed=3, milliseconds=7)
    """
    rows = csv.DictReader(io.StringIO(table.removeprefix("# ")))
    return {
        (row["pxname"], row["svname"]): Traffic(
            status=row["status"],
            active=int(row["scur"] or 0),
            requests=int(row["stot"] or 0),
            failed=int(row["hrsp_5xx"] or 0),
            milliseconds=int(row["rtime"] or 0),
        )
        for row in rows
        if row["svname"] != "FRONTEND"
    }
