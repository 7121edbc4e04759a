"""Speaks every kind of link with a running peer, and prints a line for each."""

from __future__ import annotations

import os
from functools import partial
from typing import Callable

import pynng

from .exchanges import EXCHANGES, Exchange
from .link import TLS, Fault, Link, Settings, demand
from .tables import Spec

REFUSED_CLUSTER, REFUSED_MALFORMED = 2, 8


def refusals(settings: Settings) -> str:
    """What is no Hello of this cluster is refused, with a reason."""
    with Link(settings, "control", "worker") as link:
        link.send("Hello", link.hello(os.urandom(32), cluster=settings.cluster[:50] + "-other"))
        _, refuse, _ = link.expect("Refuse")
        demand(refuse["code"] == REFUSED_CLUSTER and not refuse["retryable"], f"another cluster was refused with {refuse}")
    with Link(settings, "control", "worker") as link:
        link.send("GoodbyeAck", {})
        _, refuse, _ = link.expect("Refuse")
        demand(refuse["code"] == REFUSED_MALFORMED, f"a first message that is no Hello was refused with {refuse}")
    return "another cluster, no Hello"


def speak(settings: Settings, kind: str, role: str, exchange: Exchange) -> str:
    with Link(settings, kind, role) as link:
        link.open()
        said = exchange(link)
        link.meet_the_future()
        link.leave()
        return said


def run(spec: Spec, address: str, cluster: str, secret: bytes | None, tls: TLS | None) -> int:
    settings = Settings(spec, address, cluster, secret, tls)
    acts: list[tuple[str, Callable[[], str]]] = [
        *((kind, partial(speak, settings, kind, role, exchange)) for kind, role, exchange in EXCHANGES),
        ("refusals", partial(refusals, settings)),
    ]
    passed = 0
    for name, act in acts:
        try:
            print(f"{name:10} passed  {act()}", flush=True)
            passed += 1
        except Fault as fault:
            print(f"{name:10} FAILED  {fault}", flush=True)
        except pynng.NNGException as error:
            print(f"{name:10} FAILED  {type(error).__name__}: {error}", flush=True)
    failed = len(acts) - passed
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0
