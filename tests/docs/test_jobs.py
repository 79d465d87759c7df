"""The jobs of docs/howto/jobs.md under a worker of Celery; the page has that of arq, and the test modes of others."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.waiting import until

PAGE = Path(__file__).parents[2] / "docs/howto/jobs.md"


@pytest.mark.gate
@pytest.mark.server
def test_celery_s_worker_keeps_what_its_jobs_do(tmp_path: Path) -> None:
    for package in ("celery", "sqlalchemy"):
        pytest.importorskip(package, reason=f"{package} is of the extra howto")
    for name, source in re.findall(r"<!-- file: (\w+\.py) -->\n```py\w*\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        (tmp_path / name).write_text(source)
    path = os.pathsep.join([str(tmp_path), *map(os.path.abspath, filter(None, sys.path))])
    # Not Redis: the releases of its client that Celery takes are not those that arq takes.
    environ = {**os.environ, "BROKER_URL": f"sqla+sqlite:///{tmp_path / 'queue.db'}", "PYTHONPATH": path}
    log = tmp_path / "log"
    with log.open("wb") as output:
        words = ["celery", "--app", "celery_jobs", "worker", "--concurrency", "1"]
        worker = subprocess.Popen(
            [sys.executable, "-m", *words], cwd=tmp_path, env=environ, stdout=output, stderr=output
        )
    try:
        for address in ("ada", "bob"):
            code = f"from celery_jobs import welcome; welcome.delay({address!r})"
            subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environ, check=True, timeout=60)
        until(lambda: _mails(tmp_path) == ["ada", "bob"], "the jobs", log.read_text, patience=120)
    finally:
        worker.send_signal(signal.SIGTERM)
        try:
            worker.wait(20)
        finally:
            worker.kill()
            worker.wait(20)


def _mails(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "shop.db")) as db:
        if not db.execute("select 1 from sqlite_master").fetchall():
            return []
        return [address for (address,) in db.execute("select address from mails order by rowid")]
