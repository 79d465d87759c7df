"""An app that takes files, and tells what its process holds."""

import hashlib
import os
from pathlib import Path

from hinge import App, UploadFile

app = App()
LARGE = 64 * 2**20


def described(digest: "hashlib._Hash", file: UploadFile) -> list:
    return [file.filename, file.size, digest.hexdigest()]


@app.post("/def", max_body_size=LARGE)
def plain(f: UploadFile) -> list:
    digest = hashlib.sha256()
    for chunk in f.chunks():
        digest.update(chunk)
    return described(digest, f)


@app.post("/async", max_body_size=LARGE)
async def coroutine(f: UploadFile) -> list:
    digest = hashlib.sha256()
    async for chunk in f.chunks():
        digest.update(chunk)
    return described(digest, f)


@app.get("/peak")
def peak() -> int:
    """The most memory that this process has had, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


@app.get("/temporary")
def temporary() -> int:
    """How many temporary files this process has open."""
    folder = os.environ["TMPDIR"]
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        try:
            found += str(link.readlink()).startswith(folder)
        except OSError:
            continue
    return found
