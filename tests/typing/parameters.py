"""What a type checker makes of the markers: `Query[int]` is an `int`. Checked, never run."""

from typing import Annotated, assert_type
from uuid import UUID

import msgspec

from hinge import (
    Body,
    BodyParam,
    BodyStream,
    Cookie,
    Form,
    FormData,
    Header,
    HeaderParam,
    Headers,
    Path,
    Query,
    QueryParam,
    QueryParams,
    Request,
    State,
    UploadFile,
)


class Item(msgspec.Struct):
    name: str


def marked(
    item_id: Path[UUID],
    item: Body[Item],
    size: Query[int],
    session: Cookie[str],
    x_token: Header[str | None] = None,
    x_other: Header[str] | None = None,
    tags: Query[list[str]] = [],
    page: Query[Item | None] = None,
    raw: Body[bytes | None] = None,
) -> None:
    assert_type(item_id, UUID)
    assert_type(item, Item)
    assert_type(size, int)
    assert_type(session, str)
    assert_type(x_token, str | None)
    assert_type(x_other, str | None)
    assert_type(tags, list[str])
    assert_type(page, Item | None)
    assert_type(raw, bytes | None)


def long_form(
    size: Annotated[int, QueryParam(name="page-size", description="items"), msgspec.Meta(ge=1)] = 20,
    etag: Annotated[str, HeaderParam(name="If-Match")] = "*",
    items: Annotated[list[Item], BodyParam()] = [],
) -> None:
    assert_type(size, int)
    assert_type(etag, str)
    assert_type(items, list[Item])


async def objects(request: Request, state: State, body: BodyStream) -> None:
    assert_type(request.method, str)
    assert_type(request.query, QueryParams)
    assert_type(request.query.get("a"), str | None)
    assert_type(request.query.get("a", 5), str | int)
    assert_type(request.query.get_all("a"), list[str])
    assert_type(request.headers, Headers)
    assert_type(request.headers["a"], str)
    assert_type(request.body, bytes)
    assert_type(request.host, str)
    request.after_response(print, "x", end="")
    for piece in body:
        assert_type(piece, bytes)
    async for piece in body:
        assert_type(piece, bytes)
    if request.route is not None:
        assert_type(request.route.name, str)
    if request.client is not None:
        assert_type(request.client.port, int | None)
    state.anything = 1
    state["other"] = 2


class Letter(msgspec.Struct):
    subject: str
    attachments: list[UploadFile] = []


async def forms(letter: Form[Letter], name: Form[str], photo: UploadFile, more: list[UploadFile]) -> None:
    assert_type(letter, Letter)
    assert_type(letter.attachments, list[UploadFile])
    assert_type(name, str)
    assert_type(more, list[UploadFile])
    assert_type(photo.filename, str)
    assert_type(photo.content_type, str)
    assert_type(photo.size, int)
    assert_type(photo.headers, Headers)
    assert_type(photo.read(), bytes)
    assert_type(await photo.aread(5), bytes)


def whole_form(form: FormData) -> None:
    assert_type(form["a"], str | UploadFile)
    assert_type(form.get_all("a"), list[str | UploadFile])
