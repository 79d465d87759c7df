"""Two things in each framework: a form with a text and a file at /upload, and the files of a directory at /files.

`/upload` reads the file in pieces and answers with the text, the file's name and how many bytes it had: each the way
its documentation reads uploads, with the limits that would refuse the body lifted. What a server loads is
`data_apps:app`, made of BENCHMARK_STACK, BENCHMARK_INTERFACE and BENCHMARK_FILES.
"""

import os
from pathlib import Path
from typing import Any

LARGEST = 2**30
PIECE = 65536


def hinge(interface: str, files: Path) -> Any:
    from hinge import App, Form, UploadFile

    app = App()

    def plain(title: Form[str], file: UploadFile) -> dict[str, Any]:
        return {"title": title, "name": file.filename, "size": sum(map(len, file.chunks(PIECE)))}

    async def coroutine(title: Form[str], file: UploadFile) -> dict[str, Any]:
        return {"title": title, "name": file.filename, "size": sum([len(piece) async for piece in file.chunks(PIECE)])}

    app.post("/upload", max_body_size=LARGEST)(plain if interface == "wsgi" else coroutine)
    app.get("/plain")(lambda: "up")
    app.static("/files", files)
    return app.compile(interface)


def starlette(interface: str, files: Path) -> Any:
    from starlette.applications import Starlette
    from starlette.datastructures import UploadFile
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    async def upload(request: Request) -> JSONResponse:
        async with request.form() as form:
            title, file, size = form["title"], form["file"], 0
            if not isinstance(file, UploadFile):
                raise TypeError(file)
            while piece := await file.read(PIECE):
                size += len(piece)
            return JSONResponse({"title": title, "name": file.filename, "size": size})

    return Starlette(routes=[Route("/upload", upload, methods=["POST"]), Mount("/files", StaticFiles(directory=files))])


def fastapi(interface: str, files: Path) -> Any:
    from fastapi import FastAPI, Form, UploadFile
    from fastapi.staticfiles import StaticFiles

    app = FastAPI()

    async def upload(file: UploadFile, title: str = Form()) -> dict[str, Any]:
        size = 0
        while piece := await file.read(PIECE):
            size += len(piece)
        return {"title": title, "name": file.filename, "size": size}

    app.post("/upload")(upload)
    app.mount("/files", StaticFiles(directory=files))
    return app


def litestar(interface: str, files: Path) -> Any:
    from dataclasses import dataclass
    from typing import Annotated

    from litestar import Litestar, post
    from litestar.datastructures import UploadFile
    from litestar.enums import RequestEncodingType
    from litestar.params import Body
    from litestar.static_files import create_static_files_router

    @dataclass
    class Upload:
        title: str
        file: UploadFile

    async def upload(
        data: Annotated[Upload, Body(media_type=RequestEncodingType.MULTI_PART)],
    ) -> dict[str, Any]:
        size = 0
        while piece := await data.file.read(PIECE):
            size += len(piece)
        return {"title": data.title, "name": data.file.filename, "size": size}

    upload.__annotations__["data"] = Annotated[Upload, Body(media_type=RequestEncodingType.MULTI_PART)]
    routes = [
        post("/upload", status_code=200, request_max_body_size=None)(upload),
        create_static_files_router(path="/files", directories=[files]),
    ]
    return Litestar(routes, multipart_form_part_limit=10, openapi_config=None)


def falcon(interface: str, files: Path) -> Any:
    import falcon
    import falcon.asgi

    class Upload:
        def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
            answer: dict[str, Any] = {}
            for part in request.get_media():
                if part.name == "title":
                    answer["title"] = part.text
                else:
                    size = 0
                    while piece := part.stream.read(PIECE):
                        size += len(piece)
                    answer |= {"name": part.filename, "size": size}
            response.media = answer

    class AsyncUpload:
        async def on_post(self, request: falcon.asgi.Request, response: falcon.asgi.Response) -> None:
            answer: dict[str, Any] = {}
            async for part in await request.get_media():
                if part.name == "title":
                    answer["title"] = await part.text
                else:
                    size = 0
                    while piece := await part.stream.read(PIECE):
                        size += len(piece)
                    answer |= {"name": part.filename, "size": size}
            response.media = answer

    app: Any = falcon.App() if interface == "wsgi" else falcon.asgi.App()
    app.add_route("/upload", Upload() if interface == "wsgi" else AsyncUpload())
    app.add_static_route("/files", files)
    return app


def flask(interface: str, files: Path) -> Any:
    from flask import Flask, request, send_from_directory

    app = Flask("benchmark")

    def upload() -> dict[str, Any]:
        file, size = request.files["file"], 0
        while piece := file.read(PIECE):
            size += len(piece)
        return {"title": request.form["title"], "name": file.filename, "size": size}

    app.post("/upload")(upload)
    app.get("/files/<path:name>")(lambda name: send_from_directory(files, name))
    return app


STACKS: dict[str, tuple[str, ...]] = {
    "starlette": ("asgi",),
    "fastapi": ("asgi",),
    "litestar": ("asgi",),
    "falcon": ("wsgi", "asgi"),
    "flask": ("wsgi",),
}
"""The other frameworks, and their interfaces. BlackSheep, Quater, Bottle and Django are left to the other layers."""


if "BENCHMARK_FILES" in os.environ:
    app = globals()[os.environ["BENCHMARK_STACK"]](
        os.environ["BENCHMARK_INTERFACE"], Path(os.environ["BENCHMARK_FILES"])
    )
