"""Files as responses: the promise made by the headers is kept, or the connection is cut."""

import os
import re
import sys
import time
from pathlib import Path
from urllib.parse import unquote

import pytest

from hinge.errors import HTTPError
from hinge.responses.files import FileResponse, content_disposition, guess_media_type, last_modified


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"0123456789" * 100)
    os.utime(path, ns=(0, 1_700_000_000_123_456_789))
    return path


def open_files():
    # A descriptor may be closed between listing and reading it: the one that lists the directory always is.
    links = (entry for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink())
    return {os.readlink(link) for link in links if link.exists()}  # noqa: PTH115 - deleted files have no Path


needs_proc = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="open files are counted through /proc")


def test_headers_and_length(file):
    response = FileResponse(file)
    assert dict(response.headers.multi_items()) == {
        "content-type": "text/plain; charset=utf-8",
        "last-modified": "Tue, 14 Nov 2023 22:13:20 GMT",
        "etag": '"17979cfe3d85cd15-3e8"',
        "accept-ranges": "bytes",
    }
    assert (response.status, response.body, response.is_async) == (200, None, False)
    assert (response.path, response.size, response.content_length) == (file, 1000, 1000)
    assert b"".join(response.iterator) == file.read_bytes()
    assert repr(response) == "<FileResponse 200 text/plain, 1000 bytes>"


def test_a_path_may_be_a_str(file):
    assert b"".join(FileResponse(str(file)).iterator) == file.read_bytes()


def test_what_the_caller_says_wins(file):
    response = FileResponse(file, status=203, media_type="text/csv", headers={"ETag": '"mine"', "x-a": "b"})
    assert response.status == 203
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["etag"] == '"mine"'
    assert response.headers["x-a"] == "b"
    assert FileResponse(file, headers={"content-type": "a/b"}).headers.get_all("content-type") == ["a/b"]
    with pytest.raises(ValueError):
        FileResponse(file, headers={"content-length": "7"})


def test_the_etag_follows_size_and_time(file):
    first = FileResponse(file).headers["etag"]
    assert re.fullmatch(r'"[0-9a-f]+-[0-9a-f]+"', first)
    assert FileResponse(file).headers["etag"] == first
    os.utime(file, ns=(0, 1_700_000_000_123_456_790))
    second = FileResponse(file).headers["etag"]
    file.write_bytes(b"short")
    os.utime(file, ns=(0, 1_700_000_000_123_456_790))
    assert len({first, second, FileResponse(file).headers["etag"]}) == 3


def test_an_empty_file(tmp_path):
    path = tmp_path / "empty"
    path.touch()
    response = FileResponse(path)
    assert response.content_length == 0
    assert list(response.iterator) == []


@pytest.mark.parametrize("name", ["missing", "", ".", "notes.txt/below", "nul\0", "x" * 5000, "loop"])
def test_what_is_no_file_is_404(tmp_path, file, name):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(HTTPError) as caught:
        FileResponse(tmp_path / name)
    assert caught.value.status == 404
    assert str(tmp_path) not in str(caught.value.problem())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_404_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(HTTPError) as caught:
        FileResponse(tmp_path / "pipe")
    assert caught.value.status == 404


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_in_its_place_is_404_and_not_waited_for(file):
    response = FileResponse(file)
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(HTTPError) as caught:
        next(response.open_chunks())
    assert caught.value.status == 404


def test_chunks_have_the_size_asked_for(file):
    chunks = list(FileResponse(file).open_chunks(300))
    assert [len(chunk) for chunk in chunks] == [300, 300, 300, 100]
    assert b"".join(chunks) == file.read_bytes()
    assert [len(chunk) for chunk in FileResponse(file).open_chunks()] == [1000]
    for size in (0, -1):
        with pytest.raises(ValueError, match="at least one byte"):
            FileResponse(file).open_chunks(size)


def test_a_file_that_grows_is_cut_at_the_promised_length(file):
    response = FileResponse(file)
    promised = file.read_bytes()
    chunks = response.open_chunks(300)
    sent = [next(chunks)]
    with file.open("ab") as appending:
        appending.write(b"late" * 1000)
    sent += chunks
    assert b"".join(sent) == promised
    assert len(b"".join(response.iterator)) == response.content_length


def test_a_file_that_shrinks_cuts_the_connection(file):
    response = FileResponse(file)
    chunks = response.open_chunks(300)
    assert len(next(chunks)) == 300
    os.truncate(file, 450)
    assert len(next(chunks)) == 150
    with pytest.raises(EOFError, match="became 550 bytes shorter"):
        next(chunks)


def test_another_file_in_its_place_is_not_sent_under_its_headers(tmp_path, file):
    response = FileResponse(file)
    other = tmp_path / "other"
    other.write_bytes(b"x" * 1000)
    other.replace(file)
    with pytest.raises(OSError, match="was replaced by another file"):
        next(response.iterator)


def test_a_file_that_vanished_is_404_at_the_first_chunk(file):
    response = FileResponse(file)
    file.unlink()
    with pytest.raises(HTTPError) as caught:
        next(response.iterator)
    assert caught.value.status == 404


@needs_proc
def test_the_file_is_opened_at_the_first_chunk_and_closed_whatever_happens(file):
    name = str(file)
    response = FileResponse(file)
    assert name not in open_files()

    chunks = response.open_chunks(300)
    next(chunks)
    assert name in open_files()
    chunks.close()
    assert name not in open_files()

    list(response.open_chunks(300))
    assert name not in open_files()

    shrinking = response.open_chunks(300)
    next(shrinking)
    os.truncate(file, 300)
    with pytest.raises(EOFError):
        next(shrinking)
    assert name not in open_files()


def test_the_iterator_is_one_and_a_replaced_one_has_no_known_length(file):
    response = FileResponse(file)
    assert response.iterator is response.iterator
    response.iterator = (chunk.upper() for chunk in response.iterator)
    assert response.content_length is None
    assert b"".join(response.iterator) == file.read_bytes()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.html", "text/html"),
        ("a.HTML", "text/html"),
        ("a.js", "text/javascript"),
        ("a.mjs", "text/javascript"),
        ("a.css", "text/css"),
        ("a.json", "application/json"),
        ("a.svg", "image/svg+xml"),
        ("a.wasm", "application/wasm"),
        ("a.woff2", "font/woff2"),
        ("a.png", "image/png"),
        ("a.pdf", "application/pdf"),
        ("a.tar.gz", "application/gzip"),
        ("a.svgz", "application/gzip"),
        ("a.html.bz2", "application/x-bzip2"),
        ("a.txt.xz", "application/x-xz"),
        ("a.html.br", "application/octet-stream"),
        ("a.txt.Z", "application/octet-stream"),
        ("a", "application/octet-stream"),
        (".html", "application/octet-stream"),
        ("", "application/octet-stream"),
        ("a.unheard-of", "application/octet-stream"),
        ("data:text/html,a.png", "image/png"),
        ("javascript:a", "application/octet-stream"),
    ],
)
def test_content_types_by_name(name, expected):
    assert guess_media_type(name) == expected


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("report.pdf", 'attachment; filename="report.pdf"'),
        ("two words.txt", 'attachment; filename="two words.txt"'),
        ("grüße.txt", "attachment; filename=\"gr__e.txt\"; filename*=UTF-8''gr%C3%BC%C3%9Fe.txt"),
        ("100%.txt", "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"),
        ("a?b.txt", "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%3Fb.txt"),
        ("it's;(x).txt", 'attachment; filename="it\'s;(x).txt"'),
        ("", 'attachment; filename="download"'),
        ("..", 'attachment; filename="download"'),
        ("../../etc/passwd", 'attachment; filename=".._.._etc_passwd"'),
        ("C:\\x\\y.txt", 'attachment; filename="C:_x_y.txt"'),
    ],
)
def test_download_names(file, filename, expected):
    assert content_disposition(filename) == expected
    assert FileResponse(file, filename=filename).headers["content-disposition"] == expected


def test_inline(file):
    response = FileResponse(file, filename="a.txt", disposition="inline")
    assert response.headers["content-disposition"] == 'inline; filename="a.txt"'
    with pytest.raises(ValueError, match="a disposition is"):
        FileResponse(file, filename="a.txt", disposition='x"; filename="evil')
    assert "content-disposition" not in FileResponse(file).headers


@pytest.mark.parametrize(
    "filename",
    [
        'a"; filename="evil.bat',
        'a.txt".bat',
        "a\\",
        'a\\".bat',
        "a\r\nset-cookie: b=c",
        "a\0.txt",
        "a\x7f\x85\u2028.txt",
        "invoice\u202efdp.exe",
        "\ud800.txt",
        "'; filename*=UTF-8''evil.bat",
        "ü'; filename*=UTF-8''evil.bat",
        "é\r\n" * 50,
        "x" * 100_000 + ".txt",
    ],
)
def test_reflected_file_download_names_stay_inside_their_quotes(filename):
    value = content_disposition(filename)
    match = re.fullmatch(
        r"""attachment; filename="([ !#-\[\]-~]*)"(?:; filename\*=UTF-8''([A-Za-z0-9!#$&+.^_`|~%-]*))?""", value
    )
    assert match is not None
    assert value.isascii()
    assert value.isprintable()
    assert len(value) < 4096
    decoded = unquote(match[2] or match[1], errors="strict")
    assert decoded.isprintable()
    assert not set(decoded) & set('/\\"\r\n\0\u202e')


def test_a_long_name_keeps_its_ending():
    assert content_disposition("x" * 300 + ".pdf") == f'attachment; filename="{"x" * 196}.pdf"'


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (784111777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (784111777.999, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (-1.5, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (951782400, "Tue, 29 Feb 2000 00:00:00 GMT"),
    ],
)
def test_dates(timestamp, expected):
    assert last_modified(timestamp) == expected


def test_a_date_in_the_future_is_now():
    before = time.time()
    assert last_modified(4e18) in {last_modified(before), last_modified(before + 1), last_modified(time.time())}
