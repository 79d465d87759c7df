"""A form as a test writes it -> the body that a browser would send.

Law: texts alone go out urlencoded, with a file it is multipart (WHATWG HTML, multipart/form-data encoding).
"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

Form = Mapping[str, Any] | Iterable[tuple[str, Any]]
"""Names with texts and files: `(filename, content)` or `(filename, content, content type)`; a list repeats a name."""


def form_body(form: Form) -> tuple[bytes, str]:
    """Return the body and its Content-Type.

    Raises:
        TypeError: a value is neither a text or number nor a file.
    """
    given: Any = form.items() if isinstance(form, Mapping) else form
    fields: list[tuple[str, Any]] = [
        (name, one) for name, value in given for one in (value if isinstance(value, list) else [value])
    ]
    if not any(isinstance(value, tuple) for _, value in fields):
        pairs = [(name, _text(name, value)) for name, value in fields]
        return urlencode(pairs).encode(), "application/x-www-form-urlencoded"
    parts = [_part(name, value) for name, value in fields]
    boundary = b"----hinge-testing"  # the same each time, so that tests are
    while any(boundary in part for part in parts):
        boundary += b"-"
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts) + b"--%s--\r\n" % boundary
    return body, f"multipart/form-data; boundary={boundary.decode()}"


def _part(name: str, value: Any) -> bytes:
    head = f'Content-Disposition: form-data; name="{_quoted(name)}"'
    if not isinstance(value, tuple):
        return f"{head}\r\n\r\n{_text(name, value)}".encode()
    filename, content, *kind = value
    content_type = kind[0] if kind else "application/octet-stream"
    head = f'{head}; filename="{_quoted(filename)}"\r\nContent-Type: {content_type}\r\n\r\n'
    return head.encode() + (content.encode() if isinstance(content, str) else bytes(content))


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (bytes, bytearray, Mapping)) or value is None:
        raise TypeError(f"form= takes texts and files, and {name!r} is {value!r}. Fix: (filename, content) for a file")
    return str(value)


def _quoted(text: str) -> str:
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
