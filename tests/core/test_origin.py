"""Cross-site WebSocket hijacking: which page's handshake goes on (CVE-2019-13611 and its kind)."""

import pytest

from hinge.websocket import origin_allowed


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "shop.example"),
        (None, None),
        ("https://shop.example", "shop.example"),
        ("https://SHOP.example", "Shop.Example"),
        ("http://shop.example:8000", "shop.example:8000"),
        ("https://shop.example", "shop.example:443"),
        ("http://shop.example", "shop.example:80"),
        ("http://[::1]:8000", "[::1]:8000"),
        ("http://[::1]", "[::1]:80"),
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
    ],
)
def test_a_page_of_the_same_site_and_a_client_that_is_no_browser_are_allowed(
    origin: str | None, host: str | None
) -> None:
    assert origin_allowed(origin, host, ())


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://evil.example", "shop.example"),
        ("https://shop.example.evil.example", "shop.example"),
        ("https://evilshop.example", "shop.example"),
        ("https://shop.example@evil.example", "shop.example"),
        ("https://shop.example:8443", "shop.example"),
        ("https://shop.example:80", "shop.example"),
        ("http://shop.example:443", "shop.example"),
        ("https://shop.example", "shop.example:80"),
        ("https://shop.example", None),
        ("https://shop.example", ""),
        ("null", "shop.example"),
        ("", "shop.example"),
        ("", ""),
        ("shop.example", "shop.example"),
        ("file://", ""),
        ("file://shop.example", "shop.example"),
        ("chrome-extension://shop.example", "shop.example"),
        ("https://", ""),
        ("https://shop.example/path", "shop.example"),
        ("https://shop.example https://evil.example", "shop.example"),
        ("https://a,b", "a"),
    ],
)
def test_any_other_page_is_refused(origin: str, host: str | None) -> None:
    assert not origin_allowed(origin, host, ())


def test_the_scheme_is_part_of_the_site_where_the_server_tells_it() -> None:
    """RFC 6454 section 5. An encrypted page on a plain connection has a proxy in between that ended the encryption."""
    assert not origin_allowed("http://shop.example", "shop.example", (), secure=True)
    assert not origin_allowed("HTTP://shop.example:443", "shop.example:443", (), secure=True)
    assert origin_allowed("https://shop.example", "shop.example", (), secure=True)
    assert origin_allowed("https://shop.example", "shop.example", (), secure=False)
    assert origin_allowed("http://shop.example", "shop.example", ("http://shop.example",), secure=True)
    assert origin_allowed("http://shop.example", "shop.example", ("*",), secure=True)


def test_listed_origins_are_allowed_beside_the_own_site() -> None:
    allowed = ("https://App.example/", "http://localhost:3000")
    assert origin_allowed("https://app.example", "shop.example", allowed)
    assert origin_allowed("http://LOCALHOST:3000", "shop.example", allowed)
    assert origin_allowed("https://shop.example", "shop.example", allowed)
    assert not origin_allowed("http://app.example", "shop.example", allowed), "the scheme is part of an origin"
    assert not origin_allowed("https://app.example:8443", "shop.example", allowed)
    assert not origin_allowed("https://sub.app.example", "shop.example", allowed)
    assert not origin_allowed("null", "shop.example", allowed)


def test_a_star_allows_all_and_null_may_be_listed() -> None:
    for origin in ("https://evil.example", "null", ""):
        assert origin_allowed(origin, "shop.example", ("*",))
    assert origin_allowed("null", "shop.example", ("null",))
