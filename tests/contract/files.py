"""An app whose files a server may send itself, or may not."""

from pathlib import Path

from hinge import App, FileResponse, Request


def make_app(path: Path) -> App:
    """Return an app that answers with the file at `path`."""
    app = App()
    app.static("/static", path.parent)
    app.static("/linked", path.parent, name="linked", follow_symlinks=True)

    @app.get("/file")
    def file() -> FileResponse:
        return FileResponse(path, filename="a.txt")

    @app.get("/refused")
    def refused() -> FileResponse:
        return FileResponse(path, status=403)

    @app.get("/empty")
    def empty() -> FileResponse:
        return FileResponse(path, status=204)

    @app.get("/after")
    def after(request: Request) -> FileResponse:
        request.after_response(path.exists)
        return FileResponse(path)

    @app.get("/replaced")
    def replaced() -> FileResponse:
        response = FileResponse(path)
        response.iterator = iter([b"else"])
        return response

    @app.get("/truncated")
    def truncated() -> FileResponse:
        response = FileResponse(path)
        path.write_bytes(b"short")
        return response

    @app.get("/removed")
    def removed() -> FileResponse:
        response = FileResponse(path)
        path.unlink()
        return response

    return app
