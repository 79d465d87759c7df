"""A cookie's text -> a record, and a record -> what the cookie says then; nothing here waits.

Law: a cookie that is forged, cut, too old, or of a session that has ended is no cookie. A session that nobody has
written to is never made, and its id is always one of ours.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from secrets import token_urlsafe
from time import time
from typing import NamedTuple

import msgspec

from hinge.diagnostics.logger import logger
from hinge.http.cookies import MAX_SIZE
from hinge.sessions.record import ENCODE, Change, Loaded, Record
from hinge.sessions.sessions import Sessions

TOUCHED_EVERY = 0.1
"""A session in use is written at least so often, as a part of its idle timeout: not with each request."""
_ID_BYTES = 24
_OF_COOKIE = "cookie"
"""The id of a session that is all in its cookie: whoever has that has it."""
_decode = msgspec.msgpack.Decoder(tuple[int, int, dict[str, msgspec.Raw]]).decode


class Written(NamedTuple):
    """What a cookie is to say; without a value it is to go."""

    value: str
    max_age: int


GONE = Written("", 0)


class Keeping:
    """What both ways to keep sessions share."""

    __slots__ = ("_sessions", "_signing", "_touch_after")

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._signing = sessions.signing
        self._touch_after = sessions.idle_timeout * TOUCHED_EVERY

    def record(self, id: str, loaded: Loaded | None) -> Record:  # noqa: A002 - it is one
        """Return the record of what is kept; a new one where that is nothing or too old."""
        if loaded is None or self._sessions.expires(loaded.created, loaded.touched) <= time():
            return Record()
        return Record(id, loaded)

    def change(self, record: Record) -> Change | None:
        """Return what is to be done to what is kept, None for nothing; raises TypeError for values of other kinds."""
        return record.change(self._new_id, int(time()), self._touch_after)

    def expires(self, change: Change) -> int:
        """Return when the session ends if nobody uses it any more."""
        return self._sessions.expires(change.created, change.touched)

    def _written(self, text: bytes, change: Change) -> Written:
        return Written(self._signing.sign(text), self.expires(change) - change.touched)

    def _new_id(self) -> str:
        return _OF_COOKIE


class InCookie(Keeping):
    """Everything is in the cookie."""

    __slots__ = ()

    def load(self, cookie: str | None) -> Record:
        """Return the record of a cookie's value."""
        text = None if not cookie or len(cookie) > MAX_SIZE else self._signing.open(cookie)
        if text is None:
            return Record()
        try:
            created, touched, values = _decode(urlsafe_b64decode(text + b"=" * (-len(text) % 4)))
        except ValueError:  # ours, and of a version that wrote something else
            return Record()
        return self.record(_OF_COOKIE, Loaded(created, touched, {name: bytes(raw) for name, raw in values.items()}))

    def save(self, record: Record) -> Written | None:
        """Return what the cookie is to say, None if that is what it says.

        Raises:
            RuntimeError: it would be longer than browsers keep.
            TypeError: a value cannot be kept.
        """
        change = self.change(record)
        if change is None:
            return None
        if change.id is None:
            return GONE
        values = {name: msgspec.Raw(value) for name, value in record.all(change).items()}
        text = urlsafe_b64encode(ENCODE((change.created, change.touched, values))).rstrip(b"=")
        written = self._written(text, change)
        size = len(self._sessions.name) + len(written.value)
        if size > MAX_SIZE:
            raise RuntimeError(
                f"the session has {size} bytes as a cookie, and browsers keep {MAX_SIZE}. Fix: keep less in it, or "
                "Sessions(..., store=...), which has only an id in the cookie"
            )
        return written


class InStore(Keeping):
    """An id is in the cookie, and the rest in a store."""

    __slots__ = ()

    def id_of(self, cookie: str | None) -> str | None:
        """Return the id of a cookie's value, None without one of ours."""
        text = None if not cookie or len(cookie) > MAX_SIZE else self._signing.open(cookie)
        return None if text is None else text.decode()

    def change(self, record: Record) -> Change | None:
        """Return what is to be done, as above; what is kept says when the cookie was last sent, which ends with it."""
        change = super().change(record)
        if change is None or self._is_sent(record, change):
            return change
        return change._replace(touched=record.touched)

    def written(self, record: Record, change: Change, outcome: list[str] | None) -> Written | None:
        """Return what the cookie is to say after a change, None if nothing new."""
        if change.id is None:
            return GONE
        if outcome is None:
            logger.warning("a session has ended meanwhile, and what a request has changed in it is dropped")
            return None
        if outcome:
            logger.warning(
                "two requests at once have changed a session's %s: the later one wins", ", ".join(map(repr, outcome))
            )
        return self._written(change.id.encode(), change) if self._is_sent(record, change) else None

    def _is_sent(self, record: Record, change: Change) -> bool:
        """Tell whether a change has the visitor told of it: the id is another one, or the cookie gets old."""
        return change.was != change.id or change.touched - record.touched >= self._touch_after

    def _new_id(self) -> str:
        return token_urlsafe(_ID_BYTES)
