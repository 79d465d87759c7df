"""A page that takes files and gives them back: `hinge run examples/upload.py`, on either backend.

Files are kept in the directory that the environment variable UPLOADS names, `uploads` in the current one by default.
What a client says of a file, its name above all, is data beside it and never a path: the file has a name of its own.

    curl -F note=hello -F files=@README.md http://127.0.0.1:8000/
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from hinge import App, Config, FileResponse, Form, HTMLResponse, HTTPError, RedirectResponse, Request, State, UploadFile

app = App(title="Uploads", config=Config(max_file_size=5 * 2**20, max_form_files=10))


class Upload(msgspec.Struct):
    """What the form sends."""

    files: Annotated[list[UploadFile], Meta(min_length=1)]
    note: Annotated[str, Meta(max_length=200)] = ""


class Kept(msgspec.Struct):
    """What is told of a file."""

    id: str
    name: str
    media_type: str
    size: int
    note: str


class Store:
    """A directory with two files for each upload: the bytes, and what is told of them."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory

    def path(self, name: str) -> Path:
        return self._directory / name

    def keep(self, file: UploadFile, note: str) -> Kept:
        """Keep a file; one that can be listed is whole."""
        kept = Kept(secrets.token_hex(16), file.filename or "unnamed", file.content_type, file.size, note)
        with self.path(kept.id).open("xb") as target:
            shutil.copyfileobj(file, target)
        unlisted = self.path(f"{kept.id}.new")
        unlisted.write_bytes(msgspec.json.encode(kept))
        unlisted.rename(self.path(f"{kept.id}.json"))
        return kept

    def listed(self) -> list[Kept]:
        """Return what there is, the newest first."""
        told = sorted(self._directory.glob("*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        return [msgspec.json.decode(path.read_bytes(), type=Kept) for path in told]


@app.lifespan
def store(app: App) -> Iterator[dict[str, Any]]:
    yield {"store": Store(Path(os.environ.get("UPLOADS", "uploads")))}


@app.get("/")
def show(state: State) -> HTMLResponse:
    return page(state.store)


@app.post("/", max_body_size=60 * 2**20)
def keep(upload: Form[Upload], state: State) -> RedirectResponse:
    for file in upload.files:
        state.store.keep(file, upload.note)
    return RedirectResponse("/", status=303)  # reloading the page sends nothing twice


@app.get("/files/{file_id}")
def give(file_id: str, state: State) -> FileResponse:
    kept = next((one for one in state.store.listed() if one.id == file_id), None)
    if kept is None:
        raise HTTPError(404, "There is no such file.")
    # Never as the type that the client told: a page of theirs would run as one of ours.
    return FileResponse(state.store.path(kept.id), media_type="application/octet-stream", filename=kept.name)


@app.error(HTTPError)
def explain(request: Request, error: HTTPError) -> Any:
    if "text/html" not in request.headers.get("accept", ""):
        raise error  # a program gets the problem document
    faults = [f"{fault['name']}: {fault['message']}" for fault in error.extensions.get("errors", ())]
    return page(request.state.store, faults or [error.detail or error.title], error.status)


def page(store: Store, faults: list[str] | None = None, status: int = 200) -> HTMLResponse:
    alert = "".join(f"<p>{escape(fault)}</p>" for fault in faults or ())
    rows = "".join(
        f'<tr><td><a href="/files/{kept.id}">{escape(kept.name)}</a><td>{escape(kept.media_type)}'
        f"<td class=size>{kept.size:,} bytes<td>{escape(kept.note)}"
        for kept in store.listed()
    )
    return HTMLResponse(PAGE.format(alert=alert, rows=rows), status=status)


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Uploads</title>
<link rel="icon" href="data:,">
<style>
  body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; color: #222 }}
  form {{ display: grid; gap: .75rem; padding: 1rem; border: 1px solid #ccc; border-radius: .5rem }}
  label {{ display: grid; gap: .25rem }}
  input {{ font: inherit }}
  button {{ font: inherit; justify-self: start; padding: .4rem 1.2rem }}
  [role=alert] {{ color: #a40000 }}
  table {{ width: 100%; margin-top: 1.5rem; border-collapse: collapse }}
  th, td {{ text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ddd; overflow-wrap: anywhere }}
  .size {{ text-align: right; white-space: nowrap }}
</style>
<h1>Uploads</h1>
<form method="post" enctype="multipart/form-data">
  <label>Files, at most 5 MiB each <input type="file" name="files" multiple required></label>
  <label>Note <input name="note" maxlength="200"></label>
  <div role="alert">{alert}</div>
  <button>Upload</button>
</form>
<table>
  <thead><tr><th>Name<th>Type<th class="size">Size<th>Note</thead>
  <tbody>{rows}</tbody>
</table>
"""
