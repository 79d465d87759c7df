"""RedirectResponse: statuses, and locations that cannot be abused."""

import pytest

from hinge import App, RedirectResponse

pytestmark = pytest.mark.clause("response.headers")


def redirecting(location: str, **options) -> App:
    app = App()

    @app.get("/")
    def handler() -> RedirectResponse:
        return RedirectResponse(location, **options)

    return app


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_statuses(client_for, status):
    response = client_for(redirecting("/next", status=status)).get("/")
    assert (response.status_code, response.headers["location"], response.content) == (status, "/next", b"")


def test_the_default_keeps_the_method(client_for):
    assert client_for(redirecting("/next")).get("/").status_code == 307


@pytest.mark.parametrize(
    ("location", "sent"),
    [
        ("/a b", "/a%20b"),
        ("/ü?q=ü#ü", "/%C3%BC?q=%C3%BC#%C3%BC"),
        ("/%20", "/%20"),
        ("https://example.org/x", "https://example.org/x"),
        ("relative?x=1", "relative?x=1"),
    ],
)
def test_locations_are_percent_encoded_once(client_for, location, sent):
    assert client_for(redirecting(location)).get("/").headers["location"] == sent


@pytest.mark.parametrize("location", ["/a\r\nset-cookie: x=1", "/a\nb", "/\0", "/\x7f"])
def test_a_line_break_never_becomes_a_header(client_for, location):
    response = client_for(redirecting(location)).get("/")
    assert "set-cookie" not in response.headers
    assert "\n" not in response.headers.get("location", "")
    assert response.status_code in (307, 500)


def test_headers_and_cookies_go_along(client_for):
    app = App()

    @app.get("/")
    def handler() -> RedirectResponse:
        response = RedirectResponse("/next", status=303, headers={"x-a": "1"})
        response.set_cookie("a", "1")
        return response

    response = client_for(app).get("/")
    assert (response.headers["x-a"], response.cookies) == ("1", {"a": "1"})
