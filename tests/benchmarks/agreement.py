"""Everybody answers alike, or nothing is timed.

Hinge and the hand-written callables agree byte for byte, but for the wording of a refusal. Peers agree on the status,
on the media type, and on what the body means: JSON by value, event streams by their events, errors by the status (and
405 by an `Allow` that names GET). Every middleware has to have been there: those that let all through are counted, what
the others say has to be in the answer, errors included.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

from cases import READY, REFUSED, STACK, TOLD, Around, Case, cases_of, passed
from interfaces import INTERFACES, hand, hinge, signed_in

Answer = tuple[int, list[tuple[str, str]], bytes]


class Differs(Exception):
    """Two answers are not the same; says whose and how."""


def check_hinge(interface: str) -> None:
    """Make sure that Hinge and the hand-written callable of one interface answer alike.

    Raises:
        Differs: they do not.

    """
    for case in (*cases_of(interface), *REFUSED):
        ours = _exactly(_counted(interface, hinge(interface, case.around), case))
        theirs = _exactly(_counted(interface, hand(interface, case.around), case))
        if ours != theirs:
            raise Differs(f"{interface}, {case.name}: Hinge answers\n  {ours}\nthe hand-written callable\n  {theirs}")


def check_peer(interface: str, name: str, build: Callable[[Around], Any], cases: Iterable[Case]) -> None:
    """Make sure that a peer's answers mean what the hand-written callable's mean.

    Raises:
        Differs: one does not.

    """
    applications = {around: build(around) for around in dict.fromkeys(case.around for case in cases)}
    for case in cases:
        expected = _meaning(_counted(interface, hand(interface, case.around), case), case)
        found = _meaning(_counted(interface, applications[case.around], case), case)
        if found != expected:
            raise Differs(f"{interface}, {case.name}: {name} answers\n  {found}\nexpected was\n  {expected}")


def _counted(interface: str, application: Any, case: Case) -> Answer:
    case = signed_in(interface, application, case)
    before = passed()
    status, lines, body = INTERFACES[interface].answer(application, case)
    times = passed() - before - 1
    expected = case.passes + (case.around if isinstance(case.around, int) else 0)
    if times != expected:
        raise Differs(f"{interface}, {case.name}: {times} middlewares or ends of dependencies, and not {expected}")
    # Nobody takes as long twice, a ready-made request id may be one of its own, and sessions are everybody's own.
    differs = ("server-timing", "x-request-id", "set-cookie") if case.around in (READY, STACK) else ("server-timing",)
    return status, [(name, "" if name.lower() in differs else value) for name, value in lines], body


def _exactly(answer: Answer) -> Any:
    """Return an answer, of an error without its wording."""
    status, headers, body = answer
    if status < 400:
        return status, sorted(headers), body
    members = list(json.loads(body)) if body.startswith(b"{") else body
    return status, sorted(line for line in headers if line[0] != "content-length"), members


def _meaning(answer: Answer, case: Case) -> Any:
    status, lines, body = answer
    headers = {name.lower(): value for name, value in lines}
    told = [] if isinstance(case.around, int) else [headers.get(name) for name in TOLD]
    if case.around == STACK and case.changes_session:
        told.append(headers.get("set-cookie"))
    if status == 405:
        return status, told, "GET" in headers.get("allow", "")
    if status >= 400:
        return 422 if status == 400 else status, told  # what is invalid is a 400 to some
    media_type = headers.get("content-type", "").partition(";")[0].strip()
    if media_type == "application/json":
        return status, told, media_type, json.loads(body)
    if media_type == "text/event-stream":
        return status, told, media_type, _events(body)
    return status, told, media_type, body


def _events(body: bytes) -> list[Any]:
    blocks = body.decode().replace("\r\n", "\n").split("\n\n")
    data = [[line[5:].strip() for line in block.split("\n") if line.startswith("data:")] for block in blocks]
    return [json.loads("\n".join(lines)) for lines in data if lines]
