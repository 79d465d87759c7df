"""Calls whose arguments do not fit are mistakes of a declaration, with place and nearest name."""

from collections.abc import Callable
from typing import Any

import pytest

from hinge import App, ConfigurationError, Router
from hinge.diagnostics.misuse import fits

anything: Any = App
group: Any = Router


def handler() -> str:
    return ""


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            lambda: anything(titel="x"),
            "({here}): there is no argument 'titel'. Fix: did you mean 'title'?",
        ),
        (
            lambda: group(prefx="/a"),
            "({here}): there is no argument 'prefx'. Fix: did you mean 'prefix'?",
        ),
        (
            lambda: group(zzz=1),
            "({here}): there is no argument 'zzz'. Fix: use one of prefix, tags, m",
        ),
        (
            lambda: anything("a", "b"),
            "App(...) ({here}): takes from 1 to 2 positional arguments but 3 were given. Fix: it takes (title=..., *, ",
        ),
        (
            lambda: anything().get(),
            "App.get(...) ({here}): missing 1 required positional argument: 'path'. Fix: it takes (path, **options)",
        ),
        (
            lambda: anything().route("/", ["GET"]),
            "App.route(...) ({here}): takes 2 positional arguments but 3 were given. Fix: it takes methods=['GET']",
        ),
        (
            lambda: anything().include(Router(), tags=[]),
            "App.include(tags=...) ({here}): there is no argument 'tags'. Fix: give it to the Router(...)",
        ),
        (
            lambda: anything().compile(bakend=1),
            "compile(bakend=...) ({here}): there is no argument 'bakend'. Fix: ",
        ),
        (lambda: anything(config={"port": 1}), "App(config=...) ({here}): {{'port': 1}} is none. Fix: config=Config("),
        (lambda: anything(middleware=5), "App(middleware=...) ({here}): middleware=5 is a single one. Fix: make a"),
        (
            lambda: anything().middleware(5),
            "middleware 5 ({here}): it is no generator function and has no hooks. Fix: a generator: `response = yield`",
        ),
        (lambda: anything().get("/", statuss=1)(handler), "there is no option 'statuss'. Fix: did you mean 'status'?"),
        (
            lambda: anything().websocket("/", inline=1)(handler),
            "there is no option 'inline'. Fix: use one of ",
        ),
        (lambda: anything().get("/", methods=["GET"])(handler), "methods= is for app.route. Fix: @app.route(path, "),
        (lambda: anything().get("/", inline="yes")(handler), "inline='yes' is neither. Fix: True or False"),
        (lambda: anything().route("/", methods=5)(handler), "methods=5 is no list. Fix: methods=['GET']"),
    ],
)
def test_what_does_not_fit_is_told(wrong: Callable[[], Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        wrong()
    line = f"{__file__}:{wrong.__code__.co_firstlineno}"
    told = str(caught.value)
    assert "test_calls.py:" in told
    assert "\n" not in told
    start, _, rest = message.partition("{here}")
    assert start.replace("{{", "{") in told
    assert rest.replace("{{", "{").replace("}}", "}") in told
    if rest:
        assert f"({line.rpartition('/tests/')[2]}" in told.replace("(tests/", "(")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("include_router", "App has no attribute 'include_router'. Fix: app.include(router)"),
        ("on_event", "App has no attribute 'on_event'. Fix: app.lifespan, on a generator with one yield"),
        ("run", "App has no attribute 'run'. Fix: hinge run, on the command line"),
        ("gte", "App has no attribute 'gte'. Fix: did you mean 'get'?"),
        ("zzzz", "App has no attribute 'zzzz'"),
        ("__zzzz__", "App has no attribute '__zzzz__'"),
    ],
)
def test_a_name_that_there_is_not_says_what_there_is(name: str, message: str) -> None:
    app = App()
    with pytest.raises(AttributeError) as caught:
        getattr(app, name)
    assert str(caught.value) == message
    assert not hasattr(app, name)


def test_an_attribute_error_of_a_property_is_its_own() -> None:
    def broken(application: Any) -> Any:
        raise AttributeError("from the middleware")

    app = App(asgi_middleware=[broken])
    with pytest.raises(AttributeError, match="from the middleware"):
        app.asgi


def test_a_late_registration_names_the_users_line() -> None:
    app = App()
    app.asgi
    with pytest.raises(ConfigurationError, match=r"was compiled at .*test_calls\.py:\d+\. Fix: register before"):
        app.get("/")(handler)


def test_a_type_error_from_further_in_is_left_alone() -> None:
    @fits
    def broken(value: int) -> int:
        return len(value)  # type: ignore[arg-type]

    with pytest.raises(TypeError, match="has no len"):
        broken(5)
