"""Where the parts of one response go."""

from collections.abc import Awaitable
from typing import Protocol

from hinge.responses.response import Response


class WholeSink(Protocol):
    """Where one response goes. What each method returns is done when the server is ready for more.

    Raises OSError if the client has left and the server says so by refusing. A sink may have more: `gone`, the classes
    that `chunk` raises then instead; `async took(response) -> bool`, whether the server sends a file itself.
    """

    def whole(self, response: Response, *, head_only: bool) -> Awaitable[None]:
        """Send a response whose body is known; of HEAD and of a status without body, the head only.

        It is all that a backend without STREAMING needs.
        """
        ...

    def start(self, response: Response) -> Awaitable[None]:
        """Send the status and the headers of a response whose body follows in chunks, or not at all."""
        ...

    def chunk(self, data: bytes) -> Awaitable[None]:
        """Send a part of the body, which is never empty."""
        ...

    def end(self) -> Awaitable[None]:
        """End the body."""
        ...
