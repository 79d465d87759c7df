"""A message board that runs on both backends: live over WebSocket on ASGI, by long polling on WSGI.

    hinge run examples/board/app.py
    hinge run examples/board/app.py --backend wsgi

Posts are kept in the file that the environment variable BOARD_DB names, `board.db` in the current directory by default.
Add `--workers 4`: a post reaches the clients of all workers.
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio
import msgspec
from msgspec import Meta

from hinge import App, Config, FileResponse, HTTPError, Middleware, Request, State, WebSocket

from .live import LONGEST_WAIT, Feed
from .store import MAX_ID, Post, Store

PAGE = Path(__file__).parent / "page"

PostId = Annotated[int, Meta(ge=0, le=MAX_ID)]
Wait = Annotated[float, Meta(ge=0, le=LONGEST_WAIT)]
Limit = Annotated[int, Meta(ge=1, le=100)]

# The page does without the WebSocket where a backend has none: its route answers 426 there.
app = App(title="Board", config=Config(skip_unsupported=True))


class NewPost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a client sends: a name and a text, both with something to see in them."""

    author: Annotated[str, Meta(min_length=1, max_length=40, pattern=r"\S")]
    text: Annotated[str, Meta(min_length=1, max_length=2000, pattern=r"\S")]


class Posts(msgspec.Struct, frozen=True):
    """A page of posts, the oldest first; `more` tells whether there are further ones in that direction."""

    posts: list[Post]
    more: bool


@app.lifespan
async def board(app: App) -> AsyncIterator[dict[str, Any]]:
    store = Store(os.environ.get("BOARD_DB", "board.db"))
    # A WSGI server keeps a thread busy for each client that waits: half of them stay free for everything else.
    feed = Feed(store, pollers=app.config.threads // 2)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(feed.watch)
        yield {"store": store, "feed": feed}
        tasks.cancel_scope.cancel()
    store.close()


@app.middleware
def browser_rules(request: Request) -> Middleware:
    """Tell browsers to run nothing but what stands in page/, even if a post ever got into the HTML."""
    response = yield
    response.headers["content-security-policy"] = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'"
    response.headers["x-content-type-options"] = "nosniff"
    return response


# The file is waited for, so these are plain functions: they run in a thread, and the event loop is free meanwhile.


@app.get("/api/posts")
def list_posts(state: State, before: PostId | None = None, after: PostId | None = None, limit: Limit = 50) -> Posts:
    """The newest posts, those before an id, or those after one."""
    if before is not None and after is not None:
        raise HTTPError(422, "Ask for the posts before an id or after one, not for both.")
    store: Store = state.store
    if after is not None:
        found = store.after(after, limit + 1)
        return Posts(found[:limit], more=len(found) > limit)
    found = store.newest(limit + 1, before)
    return Posts(found[-limit:], more=len(found) > limit)


@app.post("/api/posts", status=201)
def create_post(new: NewPost, state: State) -> Post:
    store: Store = state.store
    return store.add(new.author.strip(), new.text.strip())


@app.get("/api/posts/{post_id}")
def read_post(post_id: PostId, state: State) -> Post:
    store: Store = state.store
    post = store.get(post_id)
    if post is None:
        raise HTTPError(404, f"There is no post {post_id}.")
    return post


# These wait for somebody to write, so they are coroutines: as many as there are clients, without a thread for each.


@app.websocket("/api/live")
async def live(ws: WebSocket, after: PostId = 0) -> None:
    """Send the posts after an id and then each new one, in lists; an empty list says that the connection is alive."""
    feed: Feed = ws.state.feed
    await ws.accept()
    wait = 0.0  # the first list comes at once
    while True:
        posts = await feed.posts(after, wait)
        await ws.send_json(posts)
        after = posts[-1].id if posts else after
        wait = LONGEST_WAIT


@app.get("/api/poll")
async def poll(state: State, after: PostId = 0, wait: Wait = LONGEST_WAIT) -> list[Post]:
    """The same where there are no WebSockets: the posts as soon as there are any, or none after `wait` seconds."""
    feed: Feed = state.feed
    # A worker that stops still waits for the answers it owes: none may take as long as it has for that.
    return await feed.poll(after, min(wait, app.config.graceful_timeout / 2))


@app.get("/")
def page() -> FileResponse:
    return FileResponse(PAGE / "board.html", headers={"cache-control": "no-cache"})


@app.get("/{name}")
def asset(name: Literal["board.css", "board.js"]) -> FileResponse:
    return FileResponse(PAGE / name, headers={"cache-control": "no-cache"})
