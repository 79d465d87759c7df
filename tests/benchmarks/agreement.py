"""Everybody answers alike, or nothing is timed.

Hinge and the hand-written callables agree byte for byte, but for the wording of a refusal. Peers agree on the status,
on the media type, and on what the body means: JSON by value, event streams by their events, errors by the status (and
405 by an `Allow` that names GET). Every middleware has to have been there.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

from cases import CASES, REFUSED, Case, cases_of, passed
from interfaces import INTERFACES, hand, hinge

Answer = tuple[int, list[tuple[str, str]], bytes]


class Differs(Exception):
    """Two answers are not the same; says whose and how."""


def check_hinge(interface: str) -> None:
    """Make sure that Hinge and the hand-written callable of one interface answer alike.

    Raises:
        Differs: they do not.

    """
    for case in (*cases_of(interface), *REFUSED):
        of = _exactly if case in CASES and not case.name.isdigit() else _without_wording
        ours = of(_counted(interface, hinge(interface, case.layers), case))
        theirs = of(_counted(interface, hand(interface, case.layers), case))
        if ours != theirs:
            raise Differs(f"{interface}, {case.name}: Hinge answers\n  {ours}\nthe hand-written callable\n  {theirs}")


def check_peer(interface: str, name: str, build: Callable[[int], Any], cases: Iterable[Case]) -> None:
    """Make sure that a peer's answers mean what the hand-written callable's mean.

    Raises:
        Differs: one does not.

    """
    applications = {layers: build(layers) for layers in sorted({case.layers for case in cases})}
    for case in cases:
        expected = _meaning(_counted(interface, hand(interface, case.layers), case))
        found = _meaning(_counted(interface, applications[case.layers], case))
        if found != expected:
            raise Differs(f"{interface}, {case.name}: {name} answers\n  {found}\nexpected was\n  {expected}")


def _counted(interface: str, application: Any, case: Case) -> Answer:
    before = passed()
    answer = INTERFACES[interface].answer(application, case)
    times = passed() - before - 1
    if times != case.layers:
        raise Differs(f"{interface}, {case.name}: {times} middlewares ran, and not {case.layers}")
    return answer


def _exactly(answer: Answer) -> Any:
    status, headers, body = answer
    return status, sorted(headers), body


def _without_wording(answer: Answer) -> Any:
    status, headers, body = answer
    members = list(json.loads(body)) if body.startswith(b"{") else body
    return status, sorted(line for line in headers if line[0] != "content-length"), members


def _meaning(answer: Answer) -> Any:
    status, lines, body = answer
    headers = {name.lower(): value for name, value in lines}
    if status == 405:
        return status, "GET" in headers.get("allow", "")
    if status >= 400:
        return status
    media_type = headers.get("content-type", "").partition(";")[0].strip()
    if media_type == "application/json":
        return status, media_type, json.loads(body)
    if media_type == "text/event-stream":
        return status, media_type, _events(body)
    return status, media_type, body


def _events(body: bytes) -> list[Any]:
    blocks = body.decode().replace("\r\n", "\n").split("\n\n")
    data = [[line[5:].strip() for line in block.split("\n") if line.startswith("data:")] for block in blocks]
    return [json.loads("\n".join(lines)) for lines in data if lines]
