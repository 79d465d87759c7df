"""A form as a test writes it -> the body that a browser would send.

Law: texts alone go out urlencoded, with a file it is multipart (WHATWG HTML, multipart/form-data encoding). `form=` is
Hinge's word for both; `data=` and `files=` are httpx's two, with all that they may hold.
"""

import io
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import urlencode

Form = Mapping[str, Any] | Iterable[tuple[str, Any]]
"""Names with texts and files: `(filename, content)` or `(filename, content, content type)`; a list repeats a name."""
Files = Mapping[str, Any] | Iterable[tuple[str, Any]]
"""Names with files: a file or its content, or a tuple of filename, this, and maybe content type and headers."""


def form_body(form: Form, boundary: str | None = None) -> tuple[bytes, str]:
    """Return the body and its Content-Type.

    Raises:
        TypeError: a value is neither a text or number nor a file.
    """
    given: Any = form.items() if isinstance(form, Mapping) else form
    fields: list[tuple[str, Any]] = [
        (name, one) for name, value in given for one in (value if isinstance(value, list) else [value])
    ]
    if not any(isinstance(value, tuple) for _, value in fields):
        return _urlencoded([(name, _text(name, value)) for name, value in fields])
    return _multipart([_form_part(name, value) for name, value in fields], boundary)


def data_body(data: Any, files: Files | None, boundary: str | None = None) -> tuple[bytes, str]:
    """Return the body of httpx's `data` and `files`, and its Content-Type.

    Raises:
        TypeError: `data` is no mapping, or a file is opened as text.
    """
    if not isinstance(data or {}, Mapping):
        raise TypeError(f"data= takes a mapping, not {type(data).__name__}. Fix: content= for what is no form")
    fields: list[tuple[str, Any]] = []
    for name, value in (data or {}).items():
        fields += [(name, one) for one in value] if isinstance(value, list | tuple) else [(name, value)]
    if not files:
        return _urlencoded([(name, primitive(value)) for name, value in fields])
    parts = [_part(name, value if isinstance(value, bytes) else primitive(value)) for name, value in fields]
    named: Any = files.items() if isinstance(files, Mapping) else files
    parts += [_file_part(name, file) for name, file in named]
    return _multipart(parts, boundary)


def primitive(value: Any) -> str:
    """Return a value of a form or a query as text: `true` and `false`, and nothing for None."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _urlencoded(pairs: list[tuple[str, Any]]) -> tuple[bytes, str]:
    return urlencode(pairs).encode(), "application/x-www-form-urlencoded"


def _multipart(parts: list[bytes], given: str | None) -> tuple[bytes, str]:
    boundary = b"----hinge-testing" if given is None else given.encode()  # the same each time, so that tests are
    while given is None and any(boundary in part for part in parts):
        boundary += b"-"
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary, part) for part in parts) + b"--%s--\r\n" % boundary
    return body, f"multipart/form-data; boundary={boundary.decode()}"


def _form_part(name: str, value: Any) -> bytes:
    if not isinstance(value, tuple):
        return _part(name, _text(name, value))
    filename, content, *kind = value
    return _part(name, content, filename, {"Content-Type": kind[0] if kind else "application/octet-stream"})


def _file_part(name: str, value: Any) -> bytes:
    if not isinstance(value, tuple):
        value = (PurePath(str(getattr(value, "name", "upload"))).name, value)
    filename, content, *more = value
    kind = more[0] if more else None
    headers = dict(more[1]) if len(more) > 1 else {}
    if filename and kind is None:
        from mimetypes import guess_type  # noqa: PLC0415 - files only

        kind = guess_type(filename)[0] or "application/octet-stream"
    if kind is not None and not any(header.lower() == "content-type" for header in headers):
        headers["Content-Type"] = kind
    return _part(name, content, filename or None, headers)


def _part(name: str, content: Any, filename: str | None = None, headers: Mapping[str, str] | None = None) -> bytes:
    head = f'Content-Disposition: form-data; name="{_quoted(name)}"'
    if filename is not None:
        head += f'; filename="{_quoted(filename)}"'
    lines = "".join(f"\r\n{header}: {value}" for header, value in (headers or {}).items())
    return f"{head}{lines}\r\n\r\n".encode() + _bytes(name, content)


def _bytes(name: str, content: Any) -> bytes:
    if isinstance(content, io.TextIOBase):
        raise TypeError(f"the file of {name!r} is opened as text. Fix: open(path, 'rb')")
    if hasattr(content, "read"):
        if content.seekable():
            content.seek(0)
        content = content.read()
    return content.encode() if isinstance(content, str) else bytes(content)


def _text(name: str, value: Any) -> str:
    if isinstance(value, (bytes, bytearray, Mapping)) or value is None:
        raise TypeError(f"form= takes texts and files, and {name!r} is {value!r}. Fix: (filename, content) for a file")
    return primitive(value)


def _quoted(text: str) -> str:
    return text.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
