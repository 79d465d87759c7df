"""The client: one app on one backend, in process, from the start of its lifespan to its end.

Law: it only composes. What a request says is `outgoing`, where it goes is `site`, cookies are `jar`, what comes back is
`answers`, and how it gets there is the backend's connection. No wait is without an end.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Self, Unpack
from weakref import finalize

from hinge.app import App
from hinge.backend.installed import load_backend
from hinge.backend.testing import Connection, Reply
from hinge.diagnostics.kinds import shown
from hinge.diagnostics.location import caller
from hinge.diagnostics.misuse import fits
from hinge.errors import ConfigurationError
from hinge.http.address import Address
from hinge.http.headers import MutableHeaders
from hinge.testing.answers import ClientResponse, StreamedResponse, absent
from hinge.testing.failures import Failures
from hinge.testing.jar import CookieJar
from hinge.testing.outgoing import (
    Auth,
    HeaderPairs,
    Outgoing,
    Params,
    RequestOptions,
    Writer,
    check_options,
    host_of,
    merged,
    target_of,
)
from hinge.testing.overriding import compiled_with
from hinge.testing.site import Site
from hinge.testing.websocket import ClientWebSocket

if TYPE_CHECKING:
    from hinge.dependencies.overrides import Overrides
    from hinge.wrapped import Wrapped


def _wrapped(given: Any) -> "Wrapped":
    """Return the app that something wraps which is none itself."""
    from hinge.wrapped import wrapped  # noqa: PLC0415 - only who wraps an app pays for it

    found = wrapped(given, f"Client(...) ({caller()}): the app")
    if found is None:
        fix = "Client(app), with the hinge.App itself, or with what wraps it"
        raise ConfigurationError(f"Client({shown(given)}) ({caller()}): it is no app. Fix: {fix}")
    return found


class Client:
    """Send requests to an app without a server; a context manager around the app's lifespan.

    `app` may be what wraps an app, `SomeMiddleware(app)`. `backend` is a backend's name, by default the configured one,
    or that of the wrapper's protocol. `headers`, `params` and `auth` go with every request, `cookies` are the first
    ones in the jar. `base_url` says scheme and host, and a path that targets begin with; `prefix` mounts the app:
    targets stay relative to it. `client` is the peer that the app sees.
    `timeout` bounds every wait for the app, in seconds; None waits for ever (for a debugger). With
    `raise_server_exceptions` what became a 500, cut a stream off or closed a WebSocket with 1011 is raised in the
    test, with its own traceback; without it a 500 is an answer, as for a real client, and the log has the rest.
    `overrides` has other functions called in place of providers: `{session: fake_session}`. They have the scope of what
    they stand for and parameters of their own, and are this client's alone.

    Raises:
        ConfigurationError: the app does not compile for the backend.
    """

    @fits
    def __init__(
        self,
        app: Any,
        backend: str | None = None,
        *,
        headers: HeaderPairs | None = None,
        params: Params | None = None,
        cookies: Mapping[str, str] | None = None,
        auth: Auth | None = None,
        base_url: str | None = None,
        scheme: str | None = None,
        host: str | None = None,
        prefix: str = "",
        client: tuple[str, int | None] | None = ("127.0.0.1", 50000),
        follow_redirects: bool = False,
        max_redirects: int = 20,
        skip_unsupported: bool = False,
        raise_server_exceptions: bool = False,
        timeout: float | None = 30.0,
        overrides: "Overrides | None" = None,
    ) -> None:
        self._wrapped = None if isinstance(app, App) else _wrapped(app)
        self.app = app if self._wrapped is None else self._wrapped.app
        self.backend = backend or (self.app.config.backend if self._wrapped is None else self._wrapped.interface)
        self.how_to_open = "with Client(app) as client: ..."
        self.cookies = CookieJar(cookies)
        self.application = compiled_with(self.app, self.backend, overrides, skip_unsupported=skip_unsupported)
        """What the backend compiled (`hinge.backend.Application`), for `drain` and the like."""
        if self._wrapped is not None:
            self._wrapped.check(f"Client(...) ({caller()}): the app", load_backend(self.backend))
        site = Site.of(scheme, host, prefix, base_url)
        self.headers = MutableHeaders(
            merged({"host": site.host, "accept": "*/*", "user-agent": "hinge-testing"}, headers)
        )
        """What goes with every request; may be changed."""
        self._writer = Writer(site, self.headers, params, auth, self.cookies)
        self._follow = follow_redirects
        self._max_redirects = max_redirects
        self._raises = raise_server_exceptions
        self._timeout = timeout
        self._options = {
            "client": None if client is None else Address(*client),
            "prefix": site.prefix,
            "scheme": site.scheme,
            "timeout": timeout,
        }
        self._connection: Connection | None = None
        self._stack = ExitStack()

    def open(self, options: Mapping[str, Any]) -> None:
        """Enter it, with these options more for the backend's connection."""
        served = self.application
        with ExitStack() as stack:
            if self._wrapped is not None:
                stack.enter_context(self._wrapped.reaching(served, f"Client(...) ({caller()})"))
                served = self._wrapped.around(served)
            connecting = load_backend(self.backend).connect(served, {**self._options, **options})
            self._connection = stack.enter_context(connecting)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        self.open({})
        # One that nobody leaves is closed before the process ends: later the threads of its lifespans are gone.
        finalize(self, self._stack.close)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._connection = None
        self._stack.close()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise absent(self, name)

    def _connected(self) -> Connection:
        if self._connection is None:
            raise RuntimeError(f"the client is not open. Fix: {self.how_to_open}")
        return self._connection

    # -- requests ------------------------------------------------------------------------------------------------------

    def request(self, method: str, target: str, **options: Unpack[RequestOptions]) -> ClientResponse:
        """Send a request and return the response once the app is done with it, work after the response included.

        One body: `json` is encoded by msgspec. `content` is bytes, str, a file, or an iterable of bytes, which goes out
        chunked, without a length, pulled as the app reads it. `form` has names with texts and files, these as
        `(filename, content)` or `(filename, content, content type)`, in a list for a name that repeats; with a file it
        goes out as multipart. `data` and `files` are the same in httpx's words. `cookies` go with this request only, in
        addition to the jar's. `auth` is `(user, password)`, or a function that gets the `ClientRequest`, sets headers
        and returns it; None for none. `follow_redirects` is the client's if it is not given; redirects to another host
        or scheme are not followed: there is no app of this client's.

        Raises:
            Aborted: the app failed while the body was being sent.
            ConfigurationError: there is no such option.
            ProtocolViolation: the app broke a rule of its protocol or of HTTP.
            RuntimeError: there are more than `max_redirects` redirects.
            TimeoutError: the app did not answer in time.
        """
        check_options(options)
        outgoing = self._writer.request(method, target, options)
        history: list[ClientResponse] = []
        while True:
            response = self._whole(outgoing)
            following = self._following(outgoing, response, history, options)
            if following is None:
                response.history = history
                return response
            history.append(response)
            outgoing = following

    def get(self, target: str, **options: Unpack[RequestOptions]) -> ClientResponse:
        """Send a GET; see `request`."""
        return self.request("GET", target, **options)

    def head(self, target: str, **options: Unpack[RequestOptions]) -> ClientResponse:
        """Send a HEAD; see `request`."""
        return self.request("HEAD", target, **options)

    def options(self, target: str, **options: Unpack[RequestOptions]) -> ClientResponse:
        """Send an OPTIONS; see `request`."""
        return self.request("OPTIONS", target, **options)

    def post(self, target: str, **options: Unpack[RequestOptions]) -> ClientResponse:
        """Send a POST; see `request`."""
        return self.request("POST", target, **options)

    def put(self, target: str, **options: Unpack[RequestOptions]) -> ClientResponse:
        """Send a PUT; see `request`."""
        return self.request("PUT", target, **options)

    def patch(self, target: str, **options: Unpack[RequestOptions]) -> ClientResponse:
        """Send a PATCH; see `request`."""
        return self.request("PATCH", target, **options)

    def delete(self, target: str, **options: Unpack[RequestOptions]) -> ClientResponse:
        """Send a DELETE; see `request`."""
        return self.request("DELETE", target, **options)

    @contextmanager
    def stream(self, method: str, target: str, **options: Unpack[RequestOptions]) -> Iterator[StreamedResponse]:
        """Send a request and read its response as the app produces it; arguments as for `request`.

        Leaving the block is a client that leaves; it waits until the app has noticed.
        """
        check_options(options, "Client.stream")
        outgoing = self._writer.request(method, target, options)
        history: list[ClientResponse] = []
        while True:
            with self._streamed(outgoing) as response:
                following = self._following(outgoing, response, history, options)
                if following is None:
                    response.history = history
                    yield response
                    return
                history.append(response.whole())
                outgoing = following

    @contextmanager
    def _streamed(self, outgoing: Outgoing) -> Iterator[StreamedResponse]:
        failures = Failures(outgoing.target, is_on=self._raises)
        try:
            reply = self._send(outgoing)
            try:
                self._take_cookies(outgoing, reply)
                if reply.status >= 500:
                    failures.raise_first()
                yield StreamedResponse(outgoing.method, reply, failures.chunks(reply.chunks), outgoing)
            finally:
                reply.close()
            if reply.status >= 500:
                failures.raise_first()
        finally:
            failures.forget()

    def websocket(
        self,
        target: str,
        *,
        params: Params | None = None,
        headers: HeaderPairs | None = None,
        cookies: Mapping[str, str] | None = None,
        subprotocols: tuple[str, ...] | list[str] = (),
        origin: str | None = None,
    ) -> ClientWebSocket:
        """Return a context manager that opens a WebSocket.

        Entering it raises:
            WebSocketDenied: the app refused the handshake.
            ConfigurationError: the backend has no WebSockets.
        """
        host, target, lines = self._writer.head(target, {} if origin is None else {"origin": origin}, headers)
        target = target_of(target, params)
        lines += [("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")]
        lines += [("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]
        if subprotocols:
            lines.append(("sec-websocket-protocol", ", ".join(subprotocols)))
        self._writer.add_cookies(lines, target.partition("?")[0], host, cookies)
        return ClientWebSocket(
            lambda: self._connected().websocket(target, lines, [*subprotocols]),
            self._timeout,
            lambda: Failures(target, is_on=self._raises),
        )

    # -- how they go out and come back ---------------------------------------------------------------------------------

    def _send(self, outgoing: Outgoing) -> Reply:
        return self._connected().request(outgoing.method, outgoing.target, outgoing.headers, outgoing.body)

    def _take_cookies(self, outgoing: Outgoing, reply: Reply) -> None:
        for name, value in reply.headers:
            if name == "set-cookie":
                self.cookies.take(value, self._writer.site.prefix + outgoing.path, host_of(outgoing.url))

    def _whole(self, outgoing: Outgoing) -> ClientResponse:
        failures = Failures(outgoing.target, is_on=self._raises)
        try:
            reply = self._send(outgoing)
            try:
                content = b"".join(failures.chunks(reply.chunks))
            finally:
                self._take_cookies(outgoing, reply)  # here the head is what it is in the end
                reply.close()
            if reply.status >= 500:
                failures.raise_first()
        finally:
            failures.forget()
        return ClientResponse(outgoing.method, reply, content, outgoing)

    def _following(
        self,
        outgoing: Outgoing,
        response: ClientResponse | StreamedResponse,
        history: list[ClientResponse],
        options: RequestOptions,
    ) -> Outgoing | None:
        """Return the request that follows a response, if it redirects and redirects are followed."""
        follow = options.get("follow_redirects")
        if not response.has_redirect_location or not (self._follow if follow is None else follow):
            return None
        following = self._writer.following(outgoing, response.status_code, response.headers["location"])
        if following is not None and len(history) == self._max_redirects:
            raise RuntimeError(f"{response.method} {outgoing.target}: more than {self._max_redirects} redirects")
        return following
