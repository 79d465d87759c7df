"""The request as a handler or a middleware sees it.

Law: nothing here waits. The head is read through the backend's `HeadReader`, each part once and only when asked for;
the body is there because the plan said that it would be needed.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from hinge.codecs.depth import check_json_depth
from hinge.errors import HTTPError, RequestInvalid
from hinge.http.cookies import parse_cookies
from hinge.http.headers import Headers, parse_host
from hinge.http.percent import quote
from hinge.http.query import QueryParams, parse_query, write_query
from hinge.inspection.wrappers import check_work
from hinge.responses.response import RedirectResponse, Response
from hinge.state import MOUNTED, State

if TYPE_CHECKING:
    from hinge.backend.contract import HeadReader
    from hinge.compiling.frozen import Endpoint
    from hinge.http.address import Address
    from hinge.routing import Route

UNREAD: Any = object()
"""The body of a request whose body was not read."""
# What a path may hold undecoded (RFC 3986 section 3.3); a backslash must not: browsers read it as a slash.
_PATH_SAFE = "/!$&'()*+,;=:@~"
_QUERY_SAFE = "%/?!$&'()*+,;=:@~[]"


def quote_path(path: str) -> str:
    """Return a decoded path percent-encoded, with one leading slash: "//host" would be another site. "" stays ""."""
    return path and "/" + quote(path.lstrip("/"), safe=_PATH_SAFE)


class HTTPConnection(msgspec.Struct, eq=False):
    """The head of a request or a WebSocket handshake."""

    # A Struct, because each request pays for its making: it takes a third of the time of a class with `__slots__`.
    _reader: "HeadReader"
    _head: Any
    _endpoint: "Endpoint"
    _values: tuple[str, ...]
    _lifespan_state: Mapping[str, Any]
    _memo: dict[str, Any] = {}
    _headers: Headers | None = None

    __repr__ = object.__repr__  # what it holds is nobody's to print

    def _once(self, key: str, make: Callable[[], Any]) -> Any:
        memo = self._memo
        if key not in memo:
            memo[key] = make()
        return memo[key]

    @property
    def path(self) -> str:
        """The decoded path below the mount prefix, as it was routed."""
        memo = self._memo
        if "path" not in memo:  # `_once` written out: the answer to each unknown path asks for it
            memo["path"] = self._reader.path(self._head)
        path: str = memo["path"]
        return path

    @property
    def scheme(self) -> str:
        """`http` or `https` (`ws` or `wss`), as the server tells it, or a proxy that `ProxyHeaders` trusts."""
        told: str | None = self._memo.get("scheme")
        return self._reader.scheme(self._head) if told is None else told

    @property
    def http_version(self) -> str:
        """`1.0`, `1.1`, `2` or `3`."""
        return self._reader.http_version(self._head)

    @property
    def host(self) -> str:
        """The validated Host, with its port if it was sent (RFC 9110 section 7.2); or as with `scheme`.

        Raises:
            HTTPError: 400, it is missing, repeated or malformed.
        """
        told: str | None = self._memo.get("host")
        return parse_host(self._reader.header("host")(self._head) if told is None else told)

    @property
    def client(self) -> "Address | None":
        """The peer's `(host, port)`, None where the server does not tell, as on a Unix socket; or as with `scheme`."""
        memo = self._memo
        client: Address | None = memo["client"] if "client" in memo else self._reader.client(self._head)
        return client

    @property
    def native(self) -> Any:
        """The platform's own request, of another kind on each backend, with what native middleware has left there.

        On WSGI it is the environ (PEP 3333), on ASGI and RSGI the scope, on AWS Lambda the event. What the server has
        told there is to be read, and not to be changed.
        """
        return self._reader.native(self._head)

    @property
    def headers(self) -> Headers:
        """All request headers."""
        headers = self._headers
        if headers is None:
            headers = self._headers = self._reader.headers(self._head)
        return headers

    @property
    def query(self) -> QueryParams:
        """The decoded query string as a multi-dict.

        Raises:
            HTTPError: 400, it has too many fields.
        """
        query: QueryParams = self._once("query", self._parse_query)
        return query

    def _parse_query(self) -> QueryParams:
        limit = self._endpoint.config.max_query_fields
        return QueryParams(parse_query(self._reader.query_string(self._head), limit))

    @property
    def cookies(self) -> Mapping[str, str]:
        """The cookies by name; malformed ones are left out."""
        memo = self._memo
        if "cookies" not in memo:  # `_once` written out, as above
            memo["cookies"] = parse_cookies(self._reader.header("cookie")(self._head))
        cookies: dict[str, str] = memo["cookies"]
        return cookies

    @property
    def path_params(self) -> Mapping[str, str]:
        """The path parameters as they stand in the path, decoded and not converted."""
        return dict(zip(self._endpoint.path_names, self._values, strict=False))

    @property
    def route(self) -> "Route | None":
        """The route that matched; None for an answer the framework gives itself (404, 405, redirects)."""
        return self._endpoint.route

    @property
    def state(self) -> State:
        """A mapping of this request alone; it starts as a copy of what the lifespans yielded.

        A mounted app's request has what the outermost app's lifespans yielded too, and on ASGI what an application of
        another framework around it put into its own state; its own wins.
        """
        state: State = self._once("state", self._copy_state)
        return state

    def _copy_state(self) -> State:
        outer = getattr(self._reader, "outer_state", None)
        state = State(outer(self._head) if outer is not None else ())
        state.update(self._lifespan_state)
        mounted = state.pop(MOUNTED, None)
        if mounted is not None:
            state.update(mounted.get(self._endpoint.mounted, {}))
        return state

    def url_for(self, name: str, /, **params: Any) -> str:
        """Return the percent-encoded path of the named route, with the mount prefix under which this request came.

        Raises:
            ConfigurationError: no such route, or the parameters do not fit it.
        """
        prefix = quote_path(self._reader.prefix(self._head))
        return prefix + self._endpoint.url_for(name, **params)

    def url_with(self, /, **query: Any) -> str:
        """Return this request's percent-encoded path and query, with these fields in place of the query's own.

        None leaves a field out, a list stands for several of one name: `request.url_with(page=2, tag=None)`.

        Raises:
            HTTPError: 400, the request's own query has too many fields.
            TypeError: a value is bytes, a record or of a class that has no spelling.
        """
        path = quote_path(self._reader.prefix(self._head)) + quote_path(self.path)
        written = write_query(self.query.multi_items(), query)
        return f"{path}?{written}" if written else path

    def accepts(self, *media_types: str) -> str | None:
        """Return the media type that the client prefers, the first among equals; None: it takes none of these.

        A client that sends no `Accept` takes any (RFC 9110 section 12.5.1). An answer that depends on it says so:
        `Vary: accept`.

        Raises:
            ValueError: one is no media type, such as "html".
        """
        from hinge.http.accept import choose_media_type  # noqa: PLC0415 - only who asks pays for it

        if not all("/" in one for one in media_types):
            raise ValueError(f"accepts{media_types!r}: a media type has two parts, such as 'text/html'")
        return choose_media_type(self._reader.header("accept")(self._head), media_types)


class Request(HTTPConnection):
    """An HTTP request."""

    _body: Any = UNREAD
    _after: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] | None = None
    _held: Any = None
    """What the guards of the route have given, until the body is there."""
    _sources: list[tuple[Any, bool]] | None = None
    """What is streamed, and whether it is async: closed even if a middleware answers with another body."""

    @property
    def method(self) -> str:
        """The method as it was sent."""
        return self._reader.method(self._head)

    @property
    def body(self) -> bytes:
        """The whole body.

        Raises:
            HTTPError: it could not be read, and was refused with this error (400, 413).
            ClientDisconnect: the client left before its end.
            RuntimeError: it was not read: the handler takes it as a stream or a form, or not at all.
        """
        body: Any = self._body
        if isinstance(body, bytes):
            return body
        if isinstance(body, Exception):
            raise body
        plan = self._endpoint.plan
        if plan.streams_body:
            raise RuntimeError(
                "request.body is not kept: a BodyStream is read by its handler alone. "
                "Fix: take `Request` in the handler, or keep in `request.state` what is needed"
            )
        why = "is not kept: a form is read as it arrives" if plan.reads_form else "was not read for this route"
        take = "FormData" if plan.reads_form else "`Request` or a body"
        raise RuntimeError(
            f"request.body {why}. Fix: take {take} in the handler, or register a middleware with needs_body=True"
        )

    def json(self) -> Any:
        """Return the body decoded as JSON, whatever its media type.

        Raises:
            HTTPError: 400, it is not JSON or nested too deep.
            RequestInvalid: 422, a number is out of range.
            RuntimeError: the body was not read (see `body`).
        """
        body = self.body
        check_json_depth(body)
        try:
            return msgspec.json.decode(body)
        except msgspec.ValidationError as error:  # a number that no float can hold
            from hinge.validation.errors import first_error  # noqa: PLC0415 - only a body that is wrong pays for it

            raise RequestInvalid([first_error(error)]) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise HTTPError(400, "The request body is not valid JSON.") from error

    def after_response(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
        """Call `function(*args, **kwargs)` once the client has the whole response; awaited if it is async.

        Calls run in the order of registration. A failing one is logged and does not stop the next.

        Raises:
            TypeError: it cannot be called, or is a generator or a context manager, whose call does nothing.
        """
        check_work(function)
        if self._after is None:
            self._after = []
        self._after.append((function, args, kwargs))


def redirect_to(request: HTTPConnection, path: str) -> Response:
    """Return the redirect to another path of this app, query kept."""
    location = quote_path(request._reader.prefix(request._head)) + quote_path(path)
    query = request._reader.query_string(request._head)
    if query:
        location += "?" + quote(query, _QUERY_SAFE, "latin-1")
    return RedirectResponse(location, status=308)
