"""Types that msgspec takes and cannot decode are found by their definition."""

import collections.abc
import dataclasses
import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol, TypedDict

import msgspec
import pytest

from hinge import App, Body, ConfigurationError
from hinge.codecs import TOML, YAML, Codec
from hinge.inspection.decodable import unknown_class


class Plain:
    pass


class Abstract(Protocol):
    name: str


class Holder(msgspec.Struct):
    plain: Plain


class Node(msgspec.Struct):
    next: "Node | None"
    leaf: Plain


class Spare(msgspec.Struct):
    plain: Plain | None = None
    next: "Spare | None" = None


@dataclasses.dataclass
class Data:
    plain: list[Plain]


class Row(NamedTuple):
    plain: Plain


class Typed(TypedDict):
    plain: Plain


@pytest.mark.parametrize(
    "kind",
    [
        *(Plain, Plain | None, list[Plain], dict[str, Plain], tuple[int, Plain], tuple[Plain, ...], set[Plain]),
        *(Holder, Node, Data, Row, Typed, list[dict[str, Holder]]),
    ],
)
def test_a_plain_class_is_found_wherever_it_stands(kind: Any) -> None:
    assert unknown_class(kind) is Plain


@pytest.mark.parametrize("kind", [complex, Iterator[int], collections.abc.Callable, type, Abstract, App])
def test_other_classes_that_nothing_is_decoded_to(kind: Any) -> None:
    assert unknown_class(kind) is not None


@pytest.mark.parametrize(
    "kind",
    [
        *(Any, object, collections.abc.Sized, collections.abc.Hashable, dict, list[int], dict[int, Any], bytes),
        *(uuid.UUID, dt.datetime, Spare, Spare | None, msgspec.Raw, int | str | None),
    ],
)
def test_what_can_be_decoded_is_no_fault(kind: Any) -> None:
    assert unknown_class(kind) is None


@pytest.mark.parametrize("codec", [YAML, TOML], ids=lambda codec: codec.name)
def test_such_a_body_in_another_format_of_the_framework(codec: Codec) -> None:
    app = App(codecs=[codec])

    @app.post("/")
    def create(item: Body[Plain]) -> None: ...

    with pytest.raises(ConfigurationError, match="it does not know the class Plain"):
        app.compile("wsgi")


def test_a_codec_of_ones_own_may_know_it() -> None:
    app = App(codecs=[Codec("text/plain", decoder=lambda kind: lambda data: Plain())])

    @app.post("/")
    def create(item: Body[Plain]) -> None: ...

    app.compile("wsgi")


@pytest.mark.parametrize("backend", ["wsgi", "asgi"])
def test_such_a_body_is_a_mistake_before_the_first_request(backend: str) -> None:
    app = App()

    @app.post("/")
    def create(item: Body[Plain]) -> None: ...

    with pytest.raises(ConfigurationError) as caught:
        app.compile(backend)
    message = str(caught.value)
    assert "create (" in message
    assert "body parameter 'item': msgspec cannot decode it: it does not know the class Plain" in message
    assert "Fix: make it a msgspec.Struct or a dataclass" in message
