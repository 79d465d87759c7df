"""What a request costs in process on RSGI, against a hand-written callable: `python tests/benchmarks/rsgi.py`.

For the distribution hinge-rsgi, where it is installed: plain text, JSON, typed path and query, validated JSON body.
"""

import asyncio
import atexit
import json
import statistics
import sys
from collections.abc import Callable
from time import process_time
from types import SimpleNamespace
from typing import Any

from apps import asgi_app
from cases import CASES, HELLO, Case
from hand_answers import NOT_FOUND, READ, WRITE, Refused, encode, item, length, page, unknown_method
from inprocess import QUICK_ROUNDS, ROUNDS, measure

COMPARED = CASES[:4]
TEXT = ("content-type", "text/plain; charset=utf-8")
JSON = ("content-type", "application/json")
PROBLEM = ("content-type", "application/problem+json")

_runner = asyncio.Runner()
atexit.register(_runner.close)


# -- by hand -----------------------------------------------------------------------------------------------------------


async def _plain(scope: Any, proto: Any) -> None:
    proto.response_bytes(200, [TEXT], HELLO.encode())


async def _json(scope: Any, proto: Any) -> None:
    proto.response_bytes(200, [JSON], encode({"message": HELLO}))


async def _page(scope: Any, proto: Any) -> None:
    proto.response_bytes(200, [JSON], page(scope.path, scope.query_string))


async def _create(scope: Any, proto: Any) -> None:
    headers = scope.headers
    if "transfer-encoding" in headers:
        raise Refused("411 Length Required")
    if "content-encoding" in headers:
        raise Refused("415 Unsupported Media Type")
    declared = headers.get("content-length")
    body = b""
    if declared is not None:
        wanted = length(declared)
        body = await proto()
        if len(body) < wanted:
            detail = f"The request body ended after {len(body)} of {wanted} declared bytes."
            raise Refused("400 Bad Request", detail)
    proto.response_bytes(201, [JSON], item(body, headers.get("content-type") or ""))


_STATIC = {"/plain": ({"GET": _plain}, READ), "/json": ({"GET": _json}, READ), "/items": ({"POST": _create}, WRITE)}
_BELOW = {"/items": ({"GET": _page}, READ)}


async def hand(scope: Any, proto: Any) -> None:
    """Answer one RSGI request."""
    try:
        path = scope.path
        route = _STATIC.get(path)
        if route is None:
            above, _, value = path.rpartition("/")
            route = _BELOW.get(above) if value else None
            if route is None:
                raise Refused(NOT_FOUND)
        methods, allow = route
        handler = methods.get(scope.method)
        if handler is None:
            raise unknown_method(allow)
        await handler(scope, proto)
    except Refused as refused:
        proto.response_bytes(int(refused.status[:3]), [PROBLEM, *refused.headers], refused.body)


# -- without a server --------------------------------------------------------------------------------------------------


class _Headers:
    def __init__(self, lines: list[tuple[str, str]]) -> None:
        self._lines = {name: [value] for name, value in lines}
        self._names = [name for name, _ in lines]

    def __contains__(self, name: str) -> bool:
        return name in self._lines

    def get(self, name: str, default: Any = None) -> Any:
        found = self._lines.get(name)
        return default if found is None else found[0]

    def get_all(self, name: str) -> list[str]:
        return self._lines.get(name, [])

    def keys(self) -> list[str]:
        return self._names.copy()


class _Proto:
    def __init__(self, body: bytes) -> None:
        self._body = body
        self.answer: Any = None

    async def __call__(self) -> bytes:
        return self._body

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.answer = (status, headers, body)


def _request(case: Case) -> tuple[Any, _Proto]:
    scope = SimpleNamespace(
        proto="http",
        http_version="1.1",
        client="203.0.113.7:40000",
        scheme="http",
        method=case.method,
        path=case.path,
        query_string=case.query,
        authority=None,
        headers=_Headers(case.headers),
    )
    return scope, _Proto(case.body)


def _answer(application: Any, case: Case) -> Any:
    scope, proto = _request(case)
    _runner.run(application(scope, proto))
    _runner.run(application(scope, proto))  # a first result of its type goes another way, with its length
    return proto.answer


def _timer(application: Any, case: Case) -> Callable[[int], float]:
    scope, proto = _request(case)

    async def run(calls: int) -> float:
        started = process_time()
        for _ in range(calls):
            await application(scope, proto)
        return process_time() - started

    return lambda calls: _runner.run(run(calls))


def compare(rounds: int) -> dict[str, dict[str, float]]:
    """Return the medians and the ratios of each case; Hinge and the hand-written callable answer alike before."""
    hinge = asgi_app().compile("rsgi")
    timers = {}
    for case in COMPARED:
        ours, theirs = _answer(hinge, case), _answer(hand, case)
        if ours != theirs:
            raise SystemExit(f"{case.name}: Hinge answers\n  {ours}\nthe hand-written callable\n  {theirs}")
        timers[f"{case.name}|hand"], timers[f"{case.name}|hinge"] = _timer(hand, case), _timer(hinge, case)
    samples = measure(timers, rounds)
    found = {}
    for case in COMPARED:
        by_hand, by_hinge = samples[f"{case.name}|hand"], samples[f"{case.name}|hinge"]
        found[case.name] = {
            "hand_us": round(statistics.median(by_hand), 3),
            "hinge_us": round(statistics.median(by_hinge), 3),
            "ratio": round(statistics.median(one / other for one, other in zip(by_hinge, by_hand, strict=True)), 3),
            "ratio_of_minima": round(min(by_hinge) / min(by_hand), 3),
        }
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(compare(QUICK_ROUNDS if "--quick" in sys.argv else ROUNDS), indent=2) + "\n")
