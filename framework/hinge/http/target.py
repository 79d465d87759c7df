"""The request target: from what servers hand over to the one path that is routed.

Law: a path begins with a slash, is percent-decoded and valid UTF-8, and never holds the host (RFC 9112 section 3.2).
Servers differ in all three; the difference ends here.
"""

from hinge.errors import HTTPError


def origin_form(path: str) -> str:
    """Return the path of a target that does not begin with a slash: empty, absolute-form, or the asterisk.

    Raises:
        HTTPError: 400, it is none of these.
    """
    if path == "":
        return "/"
    if path == "*":
        return path
    lowered = path[:8].lower()
    for scheme in ("http://", "https://"):
        if lowered.startswith(scheme):
            _, slash, rest = path[len(scheme) :].partition("/")
            return slash + rest or "/"
    raise HTTPError(400, "The request target is not a path.")


def utf8_path(raw: bytes) -> str:
    """Return a percent-decoded path's text.

    Raises:
        HTTPError: 400, it is not UTF-8.
    """
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise HTTPError(400, "The path is not valid UTF-8.") from None


def disguised(text: str) -> str:
    """Return a decoded text as WSGI has it: a character a byte of its UTF-8 (PEP 3333)."""
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("latin-1")
