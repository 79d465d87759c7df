"""A response -> the answer that the gateway of its event wants.

Law: the bytes that go out are those that came in. A body that is UTF-8 goes as text and any other as Base64, whatever
its type says: a REST API without binary types does not decode Base64. No gateway gets a key that it does not know.
"""

import json
import os
from base64 import b64encode
from collections.abc import Iterable
from itertools import product
from typing import Any

from hinge.backend import BODILESS, HTTPError, Response, framed_lines, logger
from hinge_lambda.event import ALB, V1, V2, Head

_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade"})
MOST, MOST_OF_ALB = 6 * 1024 * 1024, 1024 * 1024  # bytes of an answer's JSON that Lambda takes, and that an ALB does
_IS_ASCII = os.environ.get("AWS_EXECUTION_ENV", "") < "AWS_Lambda_python3.12"  # how Lambda writes that JSON


def whole(head: Head, response: Response, *, head_only: bool) -> dict[str, Any]:
    """Return the answer of a response whose body is known."""
    body = b"" if head_only or response.status in BODILESS else response.body or b""
    return reply(head, response.status, framed_lines(response), body)


def reply(head: Head, status: int, lines: Iterable[tuple[str, str]], body: bytes) -> dict[str, Any]:
    """Return the answer. `lines` are the headers, their names in lower case."""
    try:
        text, is_base64 = body.decode(), False
    except UnicodeDecodeError:
        text, is_base64 = b64encode(body).decode(), True
    answer = {"statusCode": status, "body": text, "isBase64Encoded": is_base64, **_head(head, lines)}
    most = MOST_OF_ALB if head.kind is ALB else MOST
    # JSON makes at most six of a byte; the quarter that is left is more than a gateway takes of headers.
    if len(body) > most // 8 and len(json.dumps(answer, ensure_ascii=_IS_ASCII).encode()) > most:
        what = f"{head.method} {head.path}: the answer is larger than the {most} bytes that Lambda takes of it"
        logger.error("%s. Fix: answer with less, or with a link to it", what)
        problem = json.dumps(HTTPError(500, "The answer is too large.").problem()).encode()
        lines = (("content-type", "application/problem+json"), ("content-length", str(len(problem))))
        return reply(head, 500, lines, b"" if head.method == "HEAD" else problem)
    return answer


def _head(head: Head, lines: Iterable[tuple[str, str]]) -> dict[str, Any]:
    many: dict[str, list[str]] = {}
    for name, value in lines:
        if name not in _HOP_BY_HOP:
            many.setdefault(name, []).append(value)
    if head.kind is V1 or (head.kind is ALB and "multiValueHeaders" in head.event):
        return {"multiValueHeaders": many}
    cookies = many.pop("set-cookie", ())
    headers = {name: ",".join(values) for name, values in many.items()}
    if cookies and head.kind is V2:
        return {"headers": headers, "cookies": cookies}
    if cookies:  # one line a name is all that this target group reads, and names differ by their letters
        spellings = product(*({letter: 0, letter.upper(): 0} for letter in "set-cookie"))
        headers.update(zip(map("".join, spellings), cookies, strict=False))
    return {"headers": headers}
