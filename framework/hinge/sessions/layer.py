"""The innermost layer of the endpoints that take a session: it is loaded on the way in, and kept on the way out.

Law: answers of errors come by here, too, and what has to be left of the handler's dependencies was left by then. Behind
it the session is closed. One that cannot be loaded or kept is a 503, and never an empty one. What keeps it is not
interrupted: a store has a time of its own.
"""

from collections.abc import AsyncGenerator, Callable
from functools import cache
from typing import Any

from hinge.diagnostics.logger import logger
from hinge.errors import HTTPError
from hinge.http.cookies import cookie_finder
from hinge.middleware.layer import Layer
from hinge.responses.response import Response, ResponseHeaders
from hinge.sessions.keeping import InCookie, InStore, Written
from hinge.sessions.record import Change, Record
from hinge.sessions.session import KEY
from hinge.sessions.sessions import Sessions
from hinge.sessions.store import Store, StoreError
from hinge.websocket import WebSocket

_SENT = "the response has gone, and what is set in the session now would be lost. Fix: set it before"
_HANDSHAKE = (
    "a WebSocket has no response that could carry a session: there it can be read only. Fix: write to it in an HTTP "
    "handler"
)
_READ, _WRITTEN = "read", "written"
_SHARED = ("public", "s-maxage")
"""What lets others than this visitor's browser keep an answer (RFC 9111 section 5.2.2)."""


def session_layer(sessions: Sessions) -> Layer:
    """Return the layer of a declaration."""
    store, name, location = sessions.store, sessions.describe(), sessions.location
    if store is None:
        return _hooked(_CookieHooks(sessions), name, location)
    plain = _hooked(_StoreHooks(sessions, store), name, location)
    if not store.waits:
        return plain
    return Layer(_awaiting(sessions, store), is_async=True, needs_body=False, name=name, location=location, plain=plain)


def _hooked(hooks: "_CookieHooks | _StoreHooks", name: str, location: str) -> Layer:
    def start(request: Any) -> Any:
        hooks.before(request)
        response = yield
        hooks.after(request, response)

    return Layer(start, False, False, name, location, hooks=(hooks.before, hooks.after))


class _Around:
    """What all ways share: the cookie that comes, and the one that goes."""

    def __init__(self, sessions: Sessions) -> None:
        self._set_cookie = sessions.set_cookie
        self._find: Callable[[str | None], str | None] = cookie_finder(sessions.name)
        self._header = cache(lambda reader: reader.header("cookie"))  # a reader is a backend's, and there are few

    def cookie(self, request: Any) -> str | None:
        """Return the session's cookie."""
        header = self._header(request._reader)(request._head)
        return None if header is None else self._find(header)

    def begin(self, request: Any, record: Record) -> None:
        """Have the request remember its session."""
        if isinstance(request, WebSocket):
            record.closed = _HANDSHAKE
        request._memo[KEY] = record

    def end(self, response: Response, record: Record, written: Written | None) -> None:
        """Say in the response what caches and the visitor's browser have to know."""
        record.let_go()
        if record.is_read:
            response.headers.vary("Cookie")  # RFC 9110 section 12.5.5
        if written is not None:
            _keep_private(response.headers)
            response.headers.append("set-cookie", self._set_cookie(*written))


class _CookieHooks(_Around):
    """All is in the cookie."""

    def __init__(self, sessions: Sessions) -> None:
        super().__init__(sessions)
        self._keeping = InCookie(sessions)

    def before(self, request: Any) -> None:
        """Load the session."""
        self.begin(request, self._keeping.load(self.cookie(request)))

    def after(self, request: Any, response: Response) -> None:
        """Keep it."""
        record: Record = request._memo[KEY]
        if record.closed is None:
            record.closed = _SENT
            self.end(response, record, self._keeping.save(record) if response.status < 500 else None)


class _InStore(_Around):
    """An id is in the cookie."""

    def __init__(self, sessions: Sessions, store: Store) -> None:
        super().__init__(sessions)
        self._keeping = InStore(sessions)
        self._store = store
        self._fails: set[str] = set()

    def opened(self, request: Any) -> tuple[str | None, Record]:
        """Return the id of a session that is to be loaded, None without one, and what there is then."""
        return self._keeping.id_of(self.cookie(request)), Record()

    def changed(self, request: Any, response: Response) -> tuple[Record, Change | None]:
        """Return what is to be kept, None for nothing, and close the session."""
        record: Record = request._memo[KEY]
        if record.closed is not None:
            return record, None
        record.closed = _SENT
        return record, self._keeping.change(record) if response.status < 500 else None

    def finish(self, response: Response, record: Record, change: Change | None, outcome: list[str] | None) -> None:
        """Answer with what has become of it."""
        self.end(response, record, None if change is None else self._keeping.written(record, change, outcome))

    def failed(self, what: str, error: StoreError) -> HTTPError:
        """Return what is answered where a session cannot be read or written; the log says so once until it can."""
        if what not in self._fails:
            self._fails.add(what)
            logger.error("Sessions: no session can be %s, and requests get a 503: %s", what, error)
        return HTTPError(503)

    def answers(self, what: str) -> None:
        """Note that the store answers."""
        if what in self._fails:
            self._fails.discard(what)
            logger.warning("Sessions: sessions can be %s again", what)


class _StoreHooks(_InStore):
    """What is called where nothing is awaited."""

    def before(self, request: Any) -> None:
        """Load the session."""
        name, record = self.opened(request)
        if name is not None:
            try:
                record = self._keeping.record(name, self._store.load(name))
            except StoreError as error:
                raise self.failed(_READ, error) from error
            self.answers(_READ)
        self.begin(request, record)

    def after(self, request: Any, response: Response) -> None:
        """Keep it."""
        record, change = self.changed(request, response)
        outcome = None
        if change is not None:
            try:
                outcome = self._store.commit(change, self._keeping.expires(change))
            except StoreError as error:
                raise self.failed(_WRITTEN, error) from error
            self.answers(_WRITTEN)
        self.finish(response, record, change, outcome)


def _awaiting(sessions: Sessions, store: Store) -> Callable[[Any], AsyncGenerator[None, Response]]:
    """Return what does the same and awaits the store."""
    around = _InStore(sessions, store)
    keeping = around._keeping

    async def session(request: Any) -> AsyncGenerator[None, Response]:
        name, record = around.opened(request)
        if name is not None:
            try:
                record = keeping.record(name, await store.aload(name))
            except StoreError as error:
                raise around.failed(_READ, error) from error
            around.answers(_READ)
        around.begin(request, record)
        response = yield
        record, change = around.changed(request, response)
        outcome = None
        if change is not None:
            from hinge.dependencies.sparing import spared  # noqa: PLC0415 - who awaits has a loop

            try:
                with spared():  # cut in half, the visitor would have an id that has ended
                    outcome = await store.acommit(change, keeping.expires(change))
            except StoreError as error:
                raise around.failed(_WRITTEN, error) from error
            around.answers(_WRITTEN)
        around.finish(response, record, change, outcome)

    return session


def _keep_private(headers: ResponseHeaders) -> None:
    """Have no cache share the answer: its cookie is one visitor's."""
    given = [part.strip() for line in headers.get_all("cache-control") for part in line.split(",") if part.strip()]
    names = {part.partition("=")[0].lower() for part in given}
    if ("private" in names and not names & {*_SHARED}) or "no-store" in names:
        return
    kept = [part for part in given if part.partition("=")[0].lower() not in (*_SHARED, "private")]
    headers["cache-control"] = ", ".join([*kept, "private"])
