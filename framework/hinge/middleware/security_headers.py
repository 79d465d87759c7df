"""Response headers that have browsers refuse what this app does not do.

Law: what a handler or a middleware further in has set stays. `Strict-Transport-Security` goes out over HTTPS alone
(RFC 6797 section 7.2), and only if somebody has asked for it: a browser does not forget it.
"""

from hinge.diagnostics.kinds import COUNT, FLAG, want, wrong
from hinge.diagnostics.misuse import fits
from hinge.request import Request
from hinge.responses.response import Response, ResponseHeaders
from hinge.websocket import WebSocket


class SecurityHeaders:
    """Add them to each response that does not have them; add an instance to the app.

    `hsts` is for how many seconds browsers are to use https only, for all subdomains with `hsts_subdomains`; None says
    nothing. Each of the other options is the value of its header; None leaves it out. `X-Content-Type-Options: nosniff`
    is always there.

    Raises:
        ConfigurationError: a value is no header's value, `hsts` is negative, or `hsts_subdomains` comes without it.
    """

    __slots__ = ("_hsts", "_lines")

    @fits
    def __init__(
        self,
        *,
        content_security_policy: str | None = None,
        cross_origin_opener_policy: str | None = "same-origin",
        permissions_policy: str | None = None,
        referrer_policy: str | None = "strict-origin-when-cross-origin",
        x_frame_options: str | None = "DENY",
        hsts: int | None = None,
        hsts_subdomains: bool = False,
    ) -> None:
        want("SecurityHeaders", COUNT, optional=True, hsts=hsts)
        want("SecurityHeaders", FLAG, hsts_subdomains=hsts_subdomains)
        if hsts_subdomains and hsts is None:
            raise wrong("SecurityHeaders", "hsts_subdomains", True, "nobody is told for how long", "hsts=31536000")
        given = {
            "content_security_policy": content_security_policy,
            "cross_origin_opener_policy": cross_origin_opener_policy,
            "permissions_policy": permissions_policy,
            "referrer_policy": referrer_policy,
            "x_frame_options": x_frame_options,
        }
        lines = [("x-content-type-options", "nosniff")]
        lines += [_line(name, value) for name, value in given.items() if value is not None]
        self._lines = tuple(lines)
        self._hsts = None if hsts is None else f"max-age={hsts}" + ("; includeSubDomains" if hsts_subdomains else "")

    def after(self, request: Request | WebSocket, response: Response) -> None:
        """Add what is missing."""
        first = response.headers._first
        for name, value in self._lines:  # which were checked when they were made
            first.setdefault(name, value)
        if self._hsts is not None and request.scheme == "https":
            first.setdefault("strict-transport-security", self._hsts)


def _line(name: str, value: str) -> tuple[str, str]:
    if not isinstance(value, str) or not value.strip():
        raise wrong("SecurityHeaders", name, value, "it is no header's value", f"{name}='...', or None to leave it out")
    try:
        (line,) = ResponseHeaders([(name.replace("_", "-"), value)]).multi_items()
    except ValueError as error:
        raise wrong("SecurityHeaders", name, value, str(error), "visible ASCII in one line") from None
    return line
