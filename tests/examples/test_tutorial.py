"""What the tutorial's app keeps is what its clients were told, each its own, however many post at once."""

import re
import threading
from pathlib import Path

import httpx
import pytest
from tests.examples.harness import ROOT
from tests.support.services import Serve

CLIENTS, POSTS = 8, 10
PAGE = ROOT / "docs/tutorial.md"
KEY = "only for this test and of enough characters"


def write_files(folder: Path) -> None:
    """Write the page's files as they are in the end."""
    for name, source in re.findall(
        r"<!-- file: (\w+\.py) -->\n```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL
    ):
        (folder / name).write_text(source)


@pytest.mark.gate
@pytest.mark.server
def test_no_note_is_lost_and_none_is_somebody_else_s(backend: str, serve: Serve, tmp_path: Path) -> None:
    write_files(tmp_path)
    service = serve("api:create_app", "--factory", "--backend", backend, cwd=tmp_path, NOTES_KEY=KEY)
    kept: dict[int, str] = {}
    failures: list[str] = []

    def post(client: int) -> None:
        login = {"name": f"client {client}", "password": "a password"}
        with httpx.Client(base_url=service.url, timeout=30) as http:
            told = [http.post("/users", json=login), http.post("/login", json=login)]
            # By hand: httpx keeps what is Secure from plain http.
            cookie = {"cookie": told[1].headers["set-cookie"].partition(";")[0]}
            texts = [f"{client}-{number}" for number in range(POSTS)]
            for text in texts:
                answer = http.post("/notes", json={"text": text}, headers=cookie)
                if answer.status_code != 201 or kept.setdefault(answer.json()["id"], text) != text:
                    failures.append(answer.text)
            found = http.get("/notes", headers=cookie).json()
            if [note["text"] for note in found] != texts:
                failures.append(f"{client}: {found}")

    threads = [threading.Thread(target=post, args=(client,)) for client in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(kept) == CLIENTS * POSTS
