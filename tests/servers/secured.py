"""An app with security schemes, for real servers."""

from typing import Annotated

import msgspec

from hinge import App, Config, Depends, HTTPError, Security, SecurityScopes, WebSocket
from hinge.security import AnyOf, APIKeyCookie, APIKeyQuery, HTTPBearer

app = App(config=Config(skip_unsupported=True, max_body_size=200_000_000))
ticket = AnyOf(APIKeyCookie("session"), APIKeyQuery("ticket"))


class Item(msgspec.Struct):
    name: str


def user(token: Annotated[str, Depends(HTTPBearer())], scopes: SecurityScopes) -> str:
    name, _, granted = token.partition(":")
    if name != "ada":
        raise HTTPError(401)
    scopes.require([granted])
    return name


@app.get("/me")
async def me(user: Annotated[str, Depends(user)]) -> str:
    return user


@app.post("/items/{number}")
def create(number: int, size: int, item: Item, user: Annotated[str, Security(user, scopes=["write"])]) -> str:
    return f"{item.name} of {user}"


@app.websocket("/chat")
async def chat(ws: WebSocket, given: Annotated[str, Depends(ticket)]) -> None:
    await ws.accept()
    await ws.send(given)
