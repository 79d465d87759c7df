"""What reads a credential of a request's head: the seam between binding and `hinge.security`.

Law: it is a function of the head alone. It waits for nothing and calls nothing of the app's, so binding takes its value
like that of a header, and may take it again to explain a failure.
"""

from collections.abc import Callable
from typing import Any


class Credential:
    """A provider that is not called: binding takes its value from the head."""

    gives: Any
    """The type of its values, as a provider's return annotation."""
    location: str
    """Where it was made."""
    is_wanted_in_header: bool = False
    """Whether no request passes that has nothing in a header that no browser sends by itself."""

    def reading(self, reader: Any, max_query_fields: int) -> Callable[..., Any]:
        """Return `(head, path values, body, request) -> value` for heads that `reader` reads.

        It looks at the head alone, and raises HTTPError for what is no credential.
        """
        raise NotImplementedError

    def __call__(self, connection: Any) -> Any:
        """Return the value of a request or a WebSocket, as a provider does."""
        raise NotImplementedError
