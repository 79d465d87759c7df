"""The formats that a handler's result can go out in, one of them chosen by the request's Accept.

Law: a plan is changed once, at compile, and only where the app names codecs and the handler returns what they encode:
its handler takes the header too, and returns a finished response. Backends know nothing of it. A request that nothing
can satisfy is refused before the handler runs, wherever the annotation tells that its result will be encoded.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, get_origin

from msgspec.structs import replace

from hinge.binding.plan import Argument, HandlerPlan, Source
from hinge.codecs import Codec
from hinge.errors import ConfigurationError, HTTPError
from hinge.http.accept import choose_media_type
from hinge.inspection.annotations import members
from hinge.inspection.wrappers import is_awaitable
from hinge.responses.response import Lines, Response
from hinge.results.returns import Encode, returns_of

Format = tuple[Encode, Lines]
"""How a value is encoded, and the header lines of the response."""

_ACCEPT = Argument("(accept)", Source.HEADER, "accept", str, "")
"""Its name is no identifier, so it is nobody else's."""

_VARY = ("vary", "accept")
_NO_OBJECTS = (list, tuple, set, frozenset, int, float)


def negotiated(plan: HandlerPlan, codecs: Sequence[Codec], status: int | None) -> HandlerPlan:
    """Return the plan that reads bodies by these codecs, and whose results are in the format that the request asks for.

    Raises:
        ConfigurationError: none of the codecs encodes the results.
    """
    plan = replace(plan, codecs=tuple(codecs))
    always = _encodes(plan)
    if always is False:
        return plan
    fitting = _fitting(plan, codecs)
    if not fitting:
        raise ConfigurationError(
            f"{plan.describe()}: none of App(codecs=...) can encode its result. Fix: add one that can, such as JSON"
        )
    handler = _offering(plan, _Offers(fitting, status or 200), always=always)
    return replace(plan, handler=handler, arguments=(_ACCEPT, *plan.arguments), offers=fitting)


def _offering(plan: HandlerPlan, offers: "_Offers", *, always: bool | None) -> Callable[..., Any]:
    handler, returns = plan.handler, plan.returned
    ready: dict[type, Callable[[Any], Any] | None] = {}

    def represented(value: Any, accept: str, wanted: Format | None) -> Any:
        kind = type(value)
        try:
            project = ready[kind]
        except KeyError:
            project = ready[kind] = returns.encoded(kind)
        if project is None:
            return represented_later(value, accept, wanted) if is_awaitable(value) else value
        return offers.response(project(value), accept, wanted or offers.choose(accept))

    async def represented_later(result: Any, accept: str, wanted: Format | None) -> Any:
        return represented(await result, accept, wanted)

    if plan.is_async:

        async def handle_async(accept: str, *arguments: Any, **keywords: Any) -> Any:
            wanted = offers.choose(accept) if always else None
            return represented(await handler(*arguments, **keywords), accept, wanted)

        return handle_async

    def handle(accept: str, *arguments: Any, **keywords: Any) -> Any:
        wanted = offers.choose(accept) if always else None
        return represented(handler(*arguments, **keywords), accept, wanted)

    return handle


class _Offers:
    """What one route's results can be encoded as."""

    def __init__(self, codecs: Sequence[Codec], status: int) -> None:
        self._status = status
        self._formats: dict[str, Format] = {}
        for codec in codecs:
            self._add(codec, codec.media_types[:1])
        for codec in codecs:  # the aliases last: they are for who names them
            self._add(codec, codec.media_types[1:])
        self._main = {codec.media_type for codec in codecs}
        first = next(iter(self._formats.values()))
        self._known = {"": first, "*/*": first, **self._formats}

    def _add(self, codec: Codec, media_types: Iterable[str]) -> None:
        for one in media_types:
            sent = f"{one}; charset=utf-8" if one.startswith("text/") else one
            if codec.encode is not None:
                self._formats[one] = (codec.encode, (("content-type", sent), _VARY))

    def choose(self, accept: str) -> Format:
        """Return how to encode for an Accept header, "" if there is none.

        Raises:
            HTTPError: 406.
        """
        return self._known.get(accept) or self._chosen(accept, tuple(self._formats))

    def _chosen(self, accept: str, offered: Sequence[str]) -> Format:
        chosen = choose_media_type(accept, offered)
        if chosen is None:
            names = ", ".join(one for one in offered if one in self._main) or "none that can express it"
            raise HTTPError(
                406, f"Accept names none of the media types of this answer: {names}.", headers=dict([_VARY])
            )
        return self._formats[chosen]

    def response(self, value: Any, accept: str, wanted: Format) -> Response:
        """Return the response of a value, in another acceptable format if the one chosen cannot express it.

        Raises:
            HTTPError: 406, no acceptable format can.
        """
        offered = tuple(self._formats)
        while True:
            encode, lines = wanted
            try:
                return Response.trusted(encode(value), self._status, lines)
            except ValueError:
                offered = tuple(one for one in offered if self._formats[one][0] is not encode)
                wanted = self._chosen(accept, offered)


def _fitting(plan: HandlerPlan, codecs: Sequence[Codec]) -> tuple[Codec, ...]:
    kinds = [get_origin(member) or member for member in members(plan.returns)]
    is_object = not any(isinstance(kind, type) and issubclass(kind, _NO_OBJECTS) for kind in kinds)
    return tuple(codec for codec in codecs if codec.encode is not None and (is_object or not codec.objects_only))


def _encodes(plan: HandlerPlan) -> bool | None:
    """Tell whether a handler's results are encoded: always (or there is none), never, or None: it does not say."""
    if plan.is_generator:
        return False
    found = [_encoded(member) for member in members(plan.returns) if member is not type(None)]
    if all(one is False for one in found):
        return False
    return True if all(found) else None


def _encoded(member: Any) -> bool | None:
    kind = get_origin(member) or member
    if not isinstance(kind, type) or kind is object or kind is Iterable:
        return None
    return returns_of(member).encoded(kind) is not None
