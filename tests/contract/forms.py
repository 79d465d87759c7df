"""Multipart bodies as tests write them."""

from collections.abc import Iterator

BOUNDARY = "----hinge"
MULTIPART = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
URLENCODED = {"content-type": "application/x-www-form-urlencoded"}


def part(disposition: str, content: bytes, *headers: str, boundary: str = BOUNDARY) -> bytes:
    """Return one part; `disposition` is what stands behind `form-data; `."""
    lines = [f"Content-Disposition: form-data; {disposition}", *headers]
    return b"--" + boundary.encode() + b"\r\n" + "\r\n".join(lines).encode() + b"\r\n\r\n" + content + b"\r\n"


def text(name: str, value: str) -> bytes:
    return part(f'name="{name}"', value.encode())


def file(name: str, filename: str, content: bytes, content_type: str = "application/octet-stream") -> bytes:
    return part(f'name="{name}"; filename="{filename}"', content, f"Content-Type: {content_type}")


def closed(*parts: bytes, boundary: str = BOUNDARY) -> bytes:
    return b"".join(parts) + b"--" + boundary.encode() + b"--\r\n"


def cut(body: bytes, size: int) -> Iterator[bytes]:
    """Yield a body in pieces of so many bytes."""
    return (body[start : start + size] for start in range(0, len(body), size))
