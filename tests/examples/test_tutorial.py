"""What the tutorial's app keeps is what its clients were told, however many post at once."""

import re
import threading
from pathlib import Path

import httpx
import pytest
from tests.examples.harness import ROOT
from tests.support.services import Serve

CLIENTS, POSTS = 8, 10
PAGE = ROOT / "docs/tutorial.md"


@pytest.mark.gate
@pytest.mark.server
def test_no_note_is_lost_and_none_answers_for_another(backend: str, serve: Serve, tmp_path: Path) -> None:
    (source,) = re.findall(r"<!-- file: store\.py -->\n```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (tmp_path / "store.py").write_text(source)
    service = serve("store.py", "--backend", backend, cwd=tmp_path)
    kept: dict[int, str] = {}
    failures: list[str] = []

    def post(client: int) -> None:
        with httpx.Client(base_url=service.url, timeout=30) as http:
            for number in range(POSTS):
                text = f"{client}-{number}"
                answer = http.post("/notes", params={"text": text})
                if answer.status_code != 201 or kept.setdefault(answer.json()["id"], text) != text:
                    failures.append(answer.text)

    threads = [threading.Thread(target=post, args=(client,)) for client in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(kept) == CLIENTS * POSTS
    assert {number: service.client.get(f"/notes/{number}").text for number in kept} == kept
