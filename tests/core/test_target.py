"""The request target: whatever form a server hands over, one path is routed or the answer is 400."""

import pytest

from hinge import HTTPError
from hinge.http.target import origin_form, utf8_path


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("", "/"),
        ("*", "*"),
        ("http://shop.example", "/"),
        ("http://shop.example/", "/"),
        ("http://shop.example/items/7", "/items/7"),
        ("HTTPS://shop.example:443/items", "/items"),
        ("hTTp://user:pass@shop.example/a", "/a"),
        ("http://[::1]:80/a/http://b", "/a/http://b"),
        ("http://shop.example//evil.example", "//evil.example"),
        ("http://", "/"),
    ],
)
def test_the_path_of_a_target(target: str, path: str) -> None:
    assert origin_form(target) == path


@pytest.mark.parametrize(
    "target",
    [
        "items",
        "@evil.example",
        "shop.example:443",
        "ftp://a/b",
        "http:/a",
        "httpx://a/b",
        "**",
        " /a",
        "\\a",
        "http",
        ":",
    ],
)
def test_anything_else_is_a_400(target: str) -> None:
    with pytest.raises(HTTPError) as caught:
        origin_form(target)
    assert caught.value.status == 400


def test_a_path_is_utf8() -> None:
    assert utf8_path("/straße/🂡".encode()) == "/straße/🂡"


@pytest.mark.parametrize("raw", [b"/\xff", b"/\xc3", b"/\xed\xa0\x80", b"/\xc0\xaf", b"/\xf5\x80\x80\x80"])
def test_what_is_no_utf8_is_a_400_and_never_a_replacement(raw: bytes) -> None:
    """An overlong slash or a surrogate that one party replaces and another decodes is a way around checks."""
    with pytest.raises(HTTPError) as caught:
        utf8_path(raw)
    assert caught.value.status == 400
