"""`App` and `Client` given what they do not take: one short line with what to write."""

from typing import Any

import pytest

from hinge import App, Config, ConfigurationError
from hinge.testing import Client

app: Any = App


class Shop(App):
    """An app of one's own."""


shop: Any = Shop


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: app(Config(port=9000)), "is no text. Fix: config=Config(...)"),
        (lambda: app(title=Config()), "is no text. Fix: config=Config(...)"),
        (lambda: app(version=Config()), "is no text. Fix: config=Config(...)"),
        (
            lambda: app(debug=True),
            "App(debug=...) (HERE): there is no argument 'debug'. Fix: config=Config(debug=True)",
        ),
        (lambda: app("x", port=9000), "there is no argument 'port'. Fix: config=Config(port=9000)"),
        (
            lambda: shop(workers=2),
            "Shop(workers=...) (HERE): there is no argument 'workers'. Fix: config=Config(workers=2)",
        ),
        (lambda: app(max_body_sise=2), "there is no argument 'max_body_sise'. Fix: use one of title, "),
        (lambda: app(title="x", config="y" * 5000), "is none. Fix: config=Config(...)"),
        (lambda: app(title=["y" * 5000] * 9), "is no text. Fix: title="),
        (lambda: app(openapi_path="y" * 5000), "is no path. Fix: '/name', or None"),
        (lambda: app(slashes="y" * 5000), "is none. Fix: 'redirect' or 'strict'"),
        (lambda: app(security_schemes={"x": "y" * 5000}), "Fix: {'key': {'type': 'apiKey', 'in': 'header', "),
        (lambda: app(security="y" * 5000), "(HERE)"),
        (lambda: Client("app"), "Client('app') (HERE): it is no app. Fix: Client(app), with the hinge.App itself"),
        (lambda: Client("y" * 5000), "(HERE): it is no app. Fix: Client(app), with the hinge.App itself"),
        (lambda: Client(App), "(HERE): it is no app. Fix: Client(app), with the hinge.App itself"),
        (lambda: Client(App().wsgi), "(HERE): it is no app. Fix: Client(app), with the hinge.App itself"),
    ],
    ids=range(17),
)
def test_it_is_told(make: Any, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make()
    message = str(caught.value)
    place = f"tests/core/test_app_words.py:{make.__code__.co_firstlineno}"
    assert told.replace("HERE", place) in message
    assert place in message
    assert len(message) < 400
