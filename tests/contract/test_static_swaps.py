"""What lies outside of a static folder is never sent, whatever is swapped while files are looked for and sent."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hinge import App
from hinge.backend.contract import Backend
from hinge.conformance.fixtures import PATIENCE
from hinge.responses import recent
from hinge.testing import Client

INSIDE, OUTSIDE = b"inside" * 2000, b"SECRET" * 2000
SECONDS = 0.5

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links need rights there")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a folder with a static folder `site`, and what lies beside it."""
    for folder, text in (("site/real", INSIDE), ("outside", OUTSIDE)):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.txt").write_bytes(text)
    (tmp_path / "site" / "kept.txt").write_bytes(INSIDE)
    return tmp_path


def a_folder(place: Path) -> Iterator[None]:
    """Have the folder `x` be one, then a link to another one outside."""
    site = place / "site"
    (site / "link").symlink_to(place / "outside")
    while True:
        (site / "real").rename(site / "x")
        yield
        (site / "x").rename(site / "real")
        (site / "link").rename(site / "x")
        yield
        (site / "x").rename(site / "link")


def a_link_to_a_folder(place: Path) -> Iterator[None]:
    """Have the link `x` lead to a folder inside, then to another one outside."""
    while True:
        for target in (place / "site" / "real", place / "outside"):
            (place / "new").symlink_to(target)
            (place / "new").replace(place / "site" / "x")
            yield


def a_file(place: Path) -> Iterator[None]:
    """Have `x/a.txt` be a file, then a link to another one outside."""
    (place / "site" / "x").mkdir()
    while True:
        (place / "new").hardlink_to(place / "site" / "kept.txt")
        (place / "new").replace(place / "site" / "x" / "a.txt")
        (place / "new").unlink(missing_ok=True)  # both were links to the same file
        yield
        (place / "new").symlink_to(place / "outside" / "a.txt")
        (place / "new").replace(place / "site" / "x" / "a.txt")
        yield


def a_new_file(place: Path) -> Iterator[None]:
    """Have `x/a.txt` be a file that is made anew, so that its inode is that of the one outside before."""
    (place / "site" / "x").mkdir()
    path = place / "site" / "x" / "a.txt"
    while True:
        (place / "site" / "new").write_bytes(INSIDE)
        (place / "site" / "new").replace(path)
        yield
        path.unlink()
        (place / "outside" / "b.txt").write_bytes(OUTSIDE)
        path.symlink_to(place / "outside" / "b.txt")
        yield
        (place / "outside" / "b.txt").unlink()


def a_pipe(place: Path) -> Iterator[None]:
    """Have `x/a.txt` be a file, then a pipe that nobody writes to."""
    (place / "site" / "x").mkdir()
    while True:
        (place / "new").write_bytes(INSIDE)
        (place / "new").replace(place / "site" / "x" / "a.txt")
        yield
        os.mkfifo(place / "new")
        (place / "new").replace(place / "site" / "x" / "a.txt")
        yield


@contextmanager
def swapping(steps: Iterator[None]) -> Iterator[None]:
    is_over = threading.Event()

    def swap() -> None:
        while not is_over.is_set():
            next(steps)

    next(steps)
    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@pytest.mark.parametrize(("inline", "fresh"), [(True, 0), pytest.param(False, 0.002, marks=pytest.mark.gate)])
@pytest.mark.parametrize(
    "swap", [a_folder, a_link_to_a_folder, a_file, a_new_file, a_pipe], ids=lambda swap: swap.__name__
)
def test_nothing_outside_is_sent(
    client_for: Callable[..., Client],
    backend: Backend,
    place: Path,
    swap: Callable[[Path], Iterator[None]],
    inline: bool,
    fresh: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recent, "FRESH", fresh)
    app = App()
    app.static("/", place / "site", inline=inline)
    client = client_for(app)
    statuses, end = dict.fromkeys((200, 206, 404), 0), time.monotonic() + SECONDS
    with swapping(swap(place)):
        while time.monotonic() < end or not statuses[200]:
            for head in ({}, {"range": "bytes=1-9000"}):
                began = time.monotonic()
                answer = client.get("/x/a.txt", headers=head)
                assert time.monotonic() - began < PATIENCE
                assert b"SECRET" not in answer.content
                statuses[answer.status_code] += 1  # and no other
                if answer.status_code in (200, 206):
                    assert len(answer.content) == int(answer.headers["content-length"])
    assert statuses[200]


def test_links_inside_lead_on(client_for: Callable[..., Client], place: Path) -> None:
    site = place / "site"
    (place / "alias").symlink_to(site)
    links = {
        "relative": "kept.txt",
        "absolute": str(site / "kept.txt"),
        "by-another-name": str(place / "alias" / "kept.txt"),
        "folder": "real",
        "out-and-in": "../site/kept.txt",
        "twice": "relative",
        "itself": ".",
    }
    for name, target in links.items():
        (site / name).symlink_to(target)
    (site / "real" / "up").symlink_to("../kept.txt")
    app = App()
    app.static("/", place / "alias")
    client = client_for(app)
    for path in ("relative", "absolute", "by-another-name", "folder/a.txt", "out-and-in", "twice", "itself/kept.txt"):
        assert client.get(f"/{path}").content == INSIDE, path
    assert client.get("/folder/up").content == INSIDE


def test_what_is_no_file_or_may_not_be_read(
    client_for: Callable[..., Client], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = place / "site"
    os.mkfifo(site / "pipe")
    (site / "shut.txt").write_bytes(INSIDE)
    (site / "shut.txt").chmod(0)
    (site / "null").symlink_to("/dev/null")
    monkeypatch.chdir(site)  # a socket's path is short
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket")
        app = App()
        app.static("/", site)
        client = client_for(app)
        began = time.monotonic()
        found = {name: client.get(f"/{name}").status_code for name in ("pipe", "socket", "null", "real", "shut.txt")}
    assert time.monotonic() - began < PATIENCE
    is_root = os.geteuid() == 0
    assert found == {"pipe": 404, "socket": 404, "null": 404, "real": 404, "shut.txt": 200 if is_root else 404}


def test_a_folder_that_cannot_be_listed_is_served(client_for: Callable[..., Client], place: Path) -> None:
    site = place / "site"
    (site / "real" / "index.html").write_bytes(INSIDE)
    (site / "real").chmod(0o311)
    app = App()
    app.static("/", site)
    client = client_for(app, follow_redirects=False)
    try:
        assert [client.get(path).status_code for path in ("/real/a.txt", "/real/", "/real")] == [200, 200, 308]
    finally:
        (site / "real").chmod(0o755)


@pytest.mark.parametrize("change", ["replaced", "removed", "grown"])
def test_a_file_that_changes_while_it_is_sent_is_sent_as_promised(
    client_for: Callable[..., Client], place: Path, change: str
) -> None:
    path, content = place / "site" / "big.txt", os.urandom(2_000_000)
    path.write_bytes(content)
    app = App()
    app.static("/", place / "site")
    with client_for(app).stream("GET", "/big.txt") as answer:
        chunks = answer.iter_bytes()
        received = next(chunks)
        if change == "replaced":
            (place / "new").write_bytes(b"x" * 3_000_000)
            (place / "new").replace(path)
        elif change == "removed":
            path.unlink()
        else:
            with path.open("ab") as file:
                file.write(b"more")
        received += b"".join(chunks)
    assert received == content
    assert answer.headers["content-length"] == str(len(content))


def test_no_descriptor_is_left(client_for: Callable[..., Client], place: Path) -> None:
    app = App()
    app.static("/", place / "site")
    client = client_for(app)
    etag = client.get("/kept.txt").headers["etag"]

    def ask() -> None:
        assert client.get("/kept.txt").status_code == 200
        assert client.head("/kept.txt").status_code == 200
        assert client.get("/kept.txt", headers={"if-none-match": etag}).status_code == 304
        assert client.get("/kept.txt", headers={"if-match": '"x"'}).status_code == 412
        assert client.get("/kept.txt", headers={"range": "bytes=99999999-"}).status_code == 416
        assert client.get("/kept.txt", headers={"range": "bytes=0-1,5-6"}).status_code == 206
        assert client.get("/real/none.txt").status_code == 404
        assert client.get("/real").status_code == 404

    ask()
    before = descriptors()
    for _ in range(20):
        ask()
    assert descriptors() <= before + 5  # what others keep meanwhile


def descriptors() -> int:
    """Return how many are open, where the system tells."""
    folder = Path("/proc/self/fd")
    return len([*folder.iterdir()]) if folder.is_dir() else 0
