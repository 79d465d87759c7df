"""Server-sent events: framing, injection, and who closes the source."""

import asyncio
import time

import msgspec
import pytest

from hinge.responses.events import KEEP_ALIVE, Event, EventSourceResponse, encode_event


def parse(stream: bytes) -> list[dict[str, str]]:
    """Read a stream as a browser does (WHATWG HTML 9.2.6); an event is dispatched only if it has data."""
    events = []
    data, fields = [], {}
    text = stream.decode().replace("\r\n", "\n").replace("\r", "\n")
    for line in text.split("\n"):
        if not line:
            if data:
                events.append(fields | {"data": "\n".join(data)})
            data, fields = [], {}
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name:
            fields[name] = value
    return events


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("hello", b"data: hello\n\n"),
        ("", b"data: \n\n"),
        (" lead", b"data:  lead\n\n"),
        ({"a": "ü\n"}, 'data: {"a":"ü\\n"}\n\n'.encode()),
        ([1, None], b"data: [1,null]\n\n"),
        (None, b"data: null\n\n"),
        (
            Event("x", event="tick", id="7", retry=1500, comment="why"),
            b": why\nevent: tick\nid: 7\nretry: 1500\ndata: x\n\n",
        ),
        (Event(data={"a": 1}), b'data: {"a":1}\n\n'),
        (Event(comment="ping"), b": ping\n\n"),
        (Event(id=""), b"id: \n\n"),
        (Event(retry=0), b"retry: 0\n\n"),
    ],
)
def test_encoding(item, expected):
    assert encode_event(item) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a\nb",
        "a\r\nb",
        "a\rb",
        "a\n\nb",
        "\n",
        "a\n",
        "\r\r\n\n",
        "a\nevent: evil",
        "a\n\ndata: evil",
        "a\x85b\u2028c\x0bd",
        "a\0b",
        "\ufeffa",
    ],
)
def test_injection_a_line_end_in_data_starts_another_data_line(text):
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    assert parse(encode_event(text)) == [{"data": lines}]
    assert parse(encode_event(Event(text, event="e")) + encode_event("next")) == [
        {"event": "e", "data": lines},
        {"data": "next"},
    ]


def test_injection_through_raw_json():
    raw = msgspec.Raw(b'{"a":\r\n1}\n\ndata: evil')
    assert parse(encode_event(raw)) == [{"data": '{"a":\n1}\n\ndata: evil'}]


@pytest.mark.parametrize("text", ["a\nevent: evil", "a\r\n\r\ndata: evil", "a\rdata: evil"])
def test_injection_through_a_comment(text):
    encoded = encode_event(Event(comment=text))
    assert parse(encoded) == []
    assert all(line.startswith(b": ") for line in encoded.strip().split(b"\n"))


@pytest.mark.parametrize("field", ["event", "id"])
@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\r\nb", "a\0b", "\n", "\0"])
def test_injection_names_and_ids_are_one_line(field, value):
    with pytest.raises(ValueError, match=f"an event's {field} is one line without NUL"):
        Event("x", **{field: value})


@pytest.mark.parametrize("value", ["ü", "a\u2028b", "a\tb", "\x7f", "a\x1b", " a", "a ", "\ud800"])
def test_an_id_is_one_that_a_header_brings_back(value):
    """A browser sends it in Last-Event-ID, whose bytes no server tells as they were."""
    with pytest.raises(ValueError, match=r"an event's id .* Last-Event-ID"):
        Event("x", id=value)


@pytest.mark.parametrize("value", ["", "7", "a b", "~!{}"])
def test_ids_that_come_back(value):
    assert Event("x", id=value).id == value
    assert Event("x", event="ünïcode").event == "ünïcode"  # a name goes nowhere


@pytest.mark.parametrize(
    "fields",
    [
        {"event": 1},
        {"id": 1},
        {"id": b"1"},
        {"comment": 1},
        {"retry": "1"},
        {"retry": 1.5},
        {"retry": True},
        {"data": b"x"},
    ],
)
def test_fields_of_another_type_are_refused(fields):
    with pytest.raises(TypeError):
        Event(**fields)


def test_retry_is_not_negative():
    with pytest.raises(ValueError, match="not negative"):
        Event("x", retry=-1)


@pytest.mark.parametrize("item", [b"x", bytearray(b"x"), object()])
def test_items_that_are_neither_text_nor_json_are_refused(item):
    with pytest.raises(TypeError):
        encode_event(item)


def test_a_named_event_without_data_is_dispatched():
    assert parse(encode_event(Event(event="done"))) == [{"event": "done", "data": ""}]


def test_a_keep_alive_is_no_event():
    assert parse(KEEP_ALIVE + encode_event("x") + KEEP_ALIVE) == [{"data": "x"}]


@pytest.mark.parametrize("text", ["\n", "\r", "\r\n", "a\n", "a"])
def test_framing_takes_linear_time(text):
    def cost(count):
        payload = text * count
        best = float("inf")
        for _ in range(9):
            started = time.process_time()
            encode_event(payload)
            best = min(best, time.process_time() - started)
        return best

    # 64 times the input: linear is 64, with the caches' part some hundreds, quadratic is 4,096.
    assert cost(1_600_000) < 1000 * cost(25_000)


def test_headers_that_keep_a_stream_flowing():
    response = EventSourceResponse([])
    assert response.headers.multi_items() == [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-store"),
        ("x-accel-buffering", "no"),
    ]
    assert response.eager_start is True
    assert response.ping == 15.0
    assert (response.status, response.body) == (200, None)
    changed = EventSourceResponse([], headers={"Cache-Control": "no-cache", "x-a": "b"}, status=201)
    assert sorted(changed.headers.multi_items()) == [
        ("cache-control", "no-cache"),
        ("content-type", "text/event-stream"),
        ("x-a", "b"),
        ("x-accel-buffering", "no"),
    ]


def test_ping_is_a_positive_number_of_seconds():
    assert EventSourceResponse([], ping=15).ping == 15
    for ping in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="ping is a positive number of seconds"):
            EventSourceResponse([], ping=ping)


@pytest.mark.parametrize("content", ["text", b"x", {"data": 1}, None, 5])
def test_a_single_value_is_no_stream(content):
    with pytest.raises(TypeError):
        EventSourceResponse(content)


class Source:
    """A sync source with something to release; iterating it past the end or after a close is noticed."""

    def __init__(self, *items):
        self.items = list(items)
        self.closed = 0

    def __iter__(self):
        return self

    def __next__(self):
        if not self.items:
            raise StopIteration
        item = self.items.pop(0)
        if isinstance(item, Exception):
            raise item
        return item

    def close(self):
        self.closed += 1


class AsyncSource(Source):
    def __aiter__(self):
        return self

    async def __anext__(self):
        try:
            return next(self)
        except StopIteration:
            raise StopAsyncIteration from None

    async def aclose(self):
        self.closed += 1


def take(response, count=None):
    """Consume `count` chunks, or all, whatever the colour."""
    if not response.is_async:
        return list(response.iterator) if count is None else [next(response.iterator) for _ in range(count)]

    async def consume():
        if count is None:
            return [chunk async for chunk in response.iterator]
        return [await anext(response.iterator) for _ in range(count)]

    return asyncio.run(consume())


def close(response):
    if response.is_async:
        asyncio.run(response.iterator.aclose())
    else:
        response.iterator.close()


both_colours = pytest.mark.parametrize("kind", [Source, AsyncSource])


@both_colours
def test_items_become_chunks_one_by_one(kind):
    source = kind("a", Event("b", id="1"), {"c": 1})
    response = EventSourceResponse(source)
    assert response.is_async is (kind is AsyncSource)
    assert take(response, 1) == [b"data: a\n\n"]
    assert len(source.items) == 2
    assert take(response, 2) == [b"id: 1\ndata: b\n\n", b'data: {"c":1}\n\n']


@both_colours
def test_the_source_is_closed_at_its_end(kind):
    source = kind("a", "b")
    assert len(take(EventSourceResponse(source))) == 2
    assert source.closed == 1


@both_colours
def test_the_source_is_closed_when_the_client_leaves(kind):
    source = kind("a", "b")
    response = EventSourceResponse(source)
    take(response, 1)
    close(response)
    assert source.closed == 1
    close(response)
    assert source.closed == 1
    assert take(response) == []
    assert source.items == ["b"]


@both_colours
def test_the_source_is_closed_though_nothing_was_ever_sent(kind):
    source = kind("a")
    close(EventSourceResponse(source))
    assert source.closed == 1


@both_colours
def test_the_source_is_closed_when_it_fails(kind):
    source = kind("a", LookupError("inside"), "never")
    response = EventSourceResponse(source)
    with pytest.raises(LookupError, match="inside"):
        take(response)
    assert source.closed == 1
    assert take(response) == []


@both_colours
def test_the_source_is_closed_when_an_item_cannot_be_sent(kind):
    source = kind("a", b"bytes", "never")
    with pytest.raises(TypeError, match="decode it first"):
        take(EventSourceResponse(source))
    assert source.closed == 1


def test_a_generator_runs_its_finally():
    log = []

    def source():
        try:
            yield "a"
            yield "b"
        finally:
            log.append("closed")

    response = EventSourceResponse(source())
    take(response, 1)
    close(response)
    assert log == ["closed"]


def test_an_async_generator_runs_its_finally_and_may_await_there():
    log = []

    async def source():
        try:
            yield "a"
            yield "b"
        finally:
            await asyncio.sleep(0)
            log.append("closed")

    async def leave():
        response = EventSourceResponse(source())
        assert await anext(response.iterator) == b"data: a\n\n"
        await response.iterator.aclose()

    asyncio.run(leave())
    assert log == ["closed"]


def test_a_cancelled_wait_leaves_the_closing_to_the_backend():
    source = AsyncSource("a")

    async def never():
        await asyncio.Event().wait()

    async def leave():
        response = EventSourceResponse(source)
        source.__class__ = type("Stalled", (AsyncSource,), {"__anext__": lambda self: never()})
        task = asyncio.ensure_future(anext(response.iterator))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert source.closed == 0
        await response.iterator.aclose()

    asyncio.run(leave())
    assert source.closed == 1


def test_sources_without_a_close_are_fine():
    response = EventSourceResponse(["a"])
    assert take(response) == [b"data: a\n\n"]
    close(response)

    class Bare:
        async def __anext__(self):
            raise StopAsyncIteration

    close(EventSourceResponse(Bare()))
