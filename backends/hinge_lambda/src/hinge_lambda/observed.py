"""What serves an endpoint without the event loop, with the observers of its app around it.

Law: an answer is whole when it is returned; what runs behind a response elsewhere has run by then.
"""

from collections.abc import Callable
from typing import Any

from hinge.backend import Endpoint, Observation, Request
from hinge_lambda import event as reader


def observed(serve: Callable[..., dict[str, Any]], endpoint: Endpoint) -> Callable[..., dict[str, Any]]:
    """Return `serve` with the endpoint's observers around it."""

    def observing(head: reader.Head, values: tuple[str, ...]) -> dict[str, Any]:
        seen = Observation(Request(reader, head, endpoint, values, {}))
        seen.begin()
        try:
            answer = serve(head, values)
        except BaseException as error:
            seen.end(error)
            raise
        body: str = answer["body"]
        seen.status = answer["statusCode"]
        seen.size = len(body) * 3 // 4 - body[-2:].count("=") if answer["isBase64Encoded"] else len(body.encode())
        seen.end()
        return answer

    return observing
