"""Single query parameters: each key at most once, defaults for what is absent, every error in the answer."""

from typing import Annotated, Any

import pytest

from hinge import HTTPError, Query, QueryParam
from hinge.binding.bind import bind
from hinge.binding.plan import plan_handler
from hinge.errors import RequestInvalid


class RawQuery:
    """A HeadReader whose head is the query string itself."""

    query_string = staticmethod(str)


def call(handler: Any, raw: str, *, limit: int = 10) -> Any:
    return bind(plan_handler(handler, ()), (), RawQuery, max_query_fields=limit)(raw, (), None, None)


def faults(handler: Any, raw: str) -> list[tuple[str, str]]:
    with pytest.raises(RequestInvalid) as caught:
        call(handler, raw)
    return [(error.where, error.message) for error in caught.value.errors]


def window(first: int, size: int = 20, order: Query[str] = "up", *, wide: bool = False) -> tuple[Any, ...]:
    return first, size, order, wide


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("first=1", (1, 20, "up", False)),
        ("size=2&first=1", (1, 2, "up", False)),
        ("order=&wide=yes&first=1", (1, 20, "", True)),
        ("order=a%20b+c&first=1", (1, 20, "a b c", False)),
        ("other=1&first=1&other=2&&", (1, 20, "up", False)),
        ("%66irst=1", (1, 20, "up", False)),
        ("size=20&first=20", (20, 20, "up", False)),
    ],
)
def test_what_is_absent_has_its_default(raw: str, expected: tuple[Any, ...]) -> None:
    assert call(window, raw) == expected


def test_defaults_are_not_carried_over_to_the_next_request() -> None:
    bound = bind(plan_handler(window, ()), (), RawQuery, max_query_fields=10)
    assert bound("first=1&size=2&wide=1", (), None, None) == (1, 2, "up", True)
    assert bound("first=1", (), None, None) == (1, 20, "up", False)


@pytest.mark.parametrize("raw", ["first=1&first=1", "first=1&first=2", "first=1&%66irst=1", "size=20&size=20&first=1"])
def test_a_repeated_key_is_refused_whatever_its_values(raw: str) -> None:
    assert [message for _, message in faults(window, raw)] == ["must be given once"]


def test_every_bad_value_is_named() -> None:
    assert faults(window, "size=x&wide=maybe") == [
        ("first", "is required"),
        ("size", "expected an integer"),
        ("wide", "expected a boolean"),
    ]


@pytest.mark.parametrize("raw", ["", "&", "size=3", "First=1"])
def test_a_required_key_is_missed(raw: str) -> None:
    assert faults(window, raw) == [("first", "is required")]


def test_too_many_fields_are_a_400_even_if_no_parameter_takes_them() -> None:
    assert call(window, "&".join(["first=1", *["x=1"] * 9]), limit=10) == (1, 20, "up", False)
    with pytest.raises(HTTPError) as caught:
        call(window, "&".join(["first=1", *["x=1"] * 10]), limit=10)
    assert caught.value.status == 400


def test_two_parameters_may_read_one_key() -> None:
    def both(text: Annotated[str, QueryParam(name="n")], number: Annotated[int, QueryParam(name="n")]) -> Any:
        return text, number

    assert call(both, "n=07") == ("07", 7)
    assert faults(both, "n=x") == [("n", "expected an integer")]
    assert faults(both, "n=1&n=1") == [("n", "must be given once")]  # what is the same of both is told once
