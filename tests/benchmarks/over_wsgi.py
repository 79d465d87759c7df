"""A WSGI callable without a server: a synthetic environ, its answer, and the time that it takes."""

import io
import sys
from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any

from cases import Case

Answer = tuple[int, list[tuple[str, str]], bytes]


class _Input(io.BytesIO):
    """A `wsgi.input` that never runs dry, so that one serves many requests."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._body = body

    def read(self, size: int | None = -1) -> bytes:
        return self._body


def environ_of(case: Case) -> dict[str, Any]:
    """Return a WSGI environ as servers make it."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": case.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": case.path,
        "QUERY_STRING": case.query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "203.0.113.7",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": _Input(case.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in case.headers:
        key = name.upper().replace("-", "_")
        environ[key if name in ("content-type", "content-length") else "HTTP_" + key] = value
    return environ


def answer(application: Callable[..., Any], case: Case) -> Answer:
    """Return a WSGI callable's answer."""
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        started[:] = status, headers

    parts = application(environ_of(case), start_response)
    body = b"".join(parts)
    if hasattr(parts, "close"):
        parts.close()
    return int(started[0][:3]), started[1], body


def _start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
    pass


def timer(application: Callable[..., Any], case: Case) -> Callable[[int], float]:
    """Return what calls a WSGI callable so many times and returns the seconds.

    Frameworks keep what they parsed in the environ, so each call has a copy, as each request has one of its own.
    """
    first = environ_of(case)
    clock = perf_counter if case.hops else process_time

    def run(calls: int) -> float:
        environs = [first.copy() for _ in range(calls)]
        started = clock()
        for environ in environs:
            application(environ, _start_response)
        return clock() - started

    def drain(calls: int) -> float:
        environs = [first.copy() for _ in range(calls)]
        started = clock()
        for environ in environs:
            parts = application(environ, _start_response)
            for _part in parts:
                pass
            if hasattr(parts, "close"):
                parts.close()
        return clock() - started

    return drain if case.streams else run
