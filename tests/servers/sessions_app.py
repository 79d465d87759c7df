"""An app of sessions, in the store that SESSIONS_STORE names; run from a folder of a test's own."""

import os

from hinge import App, Session, Sessions
from hinge.sessions import RedisStore, SQLiteStore

where = os.environ["SESSIONS_STORE"]
store = RedisStore(where, prefix=os.environ["SESSIONS_PREFIX"]) if "://" in where else SQLiteStore(where)
app = App(sessions=Sessions(["k" * 32], store=store, secure=False))


@app.get("/")
async def show(session: Session) -> dict[str, object]:
    return {"worker": os.getpid(), **dict(session.items())}


@app.put("/{name}")
def put(session: Session, name: str, value: str) -> int:
    session[name] = value
    return os.getpid()


@app.post("/login")
async def login(session: Session) -> None:
    session.renew()
    session["user"] = "ada"


@app.post("/logout")
def logout(session: Session) -> None:
    session.clear()
