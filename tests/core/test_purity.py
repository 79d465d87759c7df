"""The core imports no backend, no event loop and no server, and dependencies point one way.

Two proofs: what a fresh interpreter has loaded after the core was used, and what the sources could import at all.
"""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tests.support.sources import Source, read

import hinge

CORE = Path(hinge.__file__).parent
BACKENDS = CORE.parent.parent / "backends"
BACKEND_PACKAGES = ("hinge_wsgi", "hinge_asgi")
FORBIDDEN = (
    "asyncio",
    "anyio",
    "concurrent.futures",
    "granian",
    "hinge_asgi",
    "hinge_wsgi",
    "http.client",
    "http.cookies",
    "multiprocessing",
    "selectors",
    "socket",
    "sniffio",
    "ssl",
    "trio",
    "urllib.request",
    "uvloop",
    "wsgiref",
)
# These serve people at a terminal and in a test, and are not loaded by `import hinge`.
FRONTS = ("cli", "testing", "conformance")
# And this serves backends that run on an event loop: nor is it loaded, and it names no backend either.
FOR_BACKENDS = ("loop",)
# Nor are these, about what waits: an app that adds one runs on an event loop, or asks somebody else.
ABOUT_WAITING = (
    "dependencies/sparing.py",
    "health.py",
    "middleware/timeout.py",
    "middleware/rate_limit.py",
    "mounted/asgi.py",
    "mounted/eager.py",
    "mounted/lifespan.py",
    "mounted/websocket.py",
    "sessions/redis.py",
    "sessions/sqlite.py",
)


def loaded_by(program: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after a program."""
    # -I: no environment, no user site. The path is set by hand, so an installed backend could be found.
    path = [str(CORE.parent), str(BACKENDS), *(entry for entry in sys.path if entry.endswith("site-packages"))]
    whole = f"import sys\nsys.path[:0] = {path!r}\n{textwrap.dedent(program)}\nprint(*sys.modules, sep='\\n')"
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", whole], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


def offending(modules: set[str]) -> set[str]:
    return {name for name in modules if name.startswith(tuple(f"{one}." for one in FORBIDDEN)) or name in FORBIDDEN}


def test_the_proof_can_fail() -> None:
    assert offending(loaded_by("import hinge\nimport asyncio")) >= {"asyncio"}
    assert offending(loaded_by("import hinge_asgi.compile")) >= {"anyio", "hinge_asgi"}


def test_importing_hinge_loads_no_backend_no_loop_and_no_server() -> None:
    assert offending(loaded_by("import hinge")) == set()


# -- what an app does not pay for --------------------------------------------------------------------------------------

DECLARING = """
import msgspec, sys
before = set(sys.modules)
from hinge import App, Cookie, Header, Middleware, Request, Response, Router
app, router = App(), Router("/items", tags=["items"])

@router.get("/{number}")
def item(number: int, request: Request, token: Header[str] | None = None, seen: Cookie[str] = "") -> dict[str, int]: ...

@app.middleware
def timing(request: Request) -> Middleware:
    response = yield

app.include(router)
print(*set(sys.modules) - before, sep="\\n")
raise SystemExit
"""
UNUSED = {
    "what compiles": ("hinge.backend", "hinge.binding.plan", "hinge.binding.bind", "hinge.compiling.freeze"),
    "what answers": ("hinge.error_responses", "hinge.results", "hinge.middleware.compose"),
    "codecs": ("hinge.codecs.reading", "hinge.codecs.msgpack", "hinge.codecs.toml", "hinge.codecs.yaml"),
    "faults of values": ("hinge.validation",),
    "forms": ("hinge.forms",),
    "files": ("hinge.static", "hinge.responses.files", "mimetypes", "tempfile"),
    "events": ("hinge.responses.events", "hinge.responses.jsonlines"),
    "ready-made middleware": (
        "hinge.middleware.cors",
        "hinge.middleware.compression",
        "hinge.middleware.request_ids",
        "hinge.middleware.csrf",
        "hinge.middleware.https_redirect",
        "hinge.middleware.proxy_headers",
        "hinge.middleware.rate_limit",
        "hinge.middleware.security_headers",
        "hinge.middleware.timeout",
        "hinge.middleware.trusted_hosts",
        "zlib",
    ),
    "lifespans": ("hinge.lifespan",),
    "observers": ("hinge.observability.observer", "hinge.observability.access_log", "hinge.health"),
    "WebSockets": ("hinge.websocket",),
    "the document": ("hinge.openapi", "html"),
    "the log": ("logging", "traceback", "hinge.diagnostics.log"),
    "addresses": ("urllib", "ipaddress", "pathlib"),
    "distributions": ("importlib.metadata", "email", "zipfile"),
}
"""Modules that an app without these does not load before it is compiled, those inside of them too."""

MOST_MODULES = 60
"""That many are loaded beyond those of msgspec; 52 on CPython 3.11."""


@pytest.fixture(scope="module")
def declaring() -> set[str]:
    return loaded_by(DECLARING)


@pytest.mark.parametrize("room", sorted(UNUSED))
def test_an_app_loads_no_room_that_it_does_not_use(declaring: set[str], room: str) -> None:
    assert {name for name in declaring if is_of(name, UNUSED[room])} == set()


def test_an_app_loads_few_modules(declaring: set[str]) -> None:
    assert "hinge.app" in declaring
    assert len(declaring) <= MOST_MODULES, sorted(declaring)


COMPILED = """
from hinge import App, Header

app = App()

@app.get("/{number}")
def item(number: int, token: Header[str] | None = None) -> dict[str, int]: ...

app.compile("wsgi")
"""
UNUSED_BY_ROUTES = {
    "bodies": ("hinge.codecs.reading", "hinge.codecs.msgpack", "hinge.codecs.toml", "hinge.codecs.yaml"),
    "forms": ("hinge.forms.reader", "hinge.forms.parts", "hinge.binding.form_arguments", "multipart"),
    "files": ("hinge.responses.files", "hinge.static", "hinge_wsgi.file_wrapper", "mimetypes", "pathlib"),
    "negotiation": ("hinge.http.accept", "hinge.compiling.negotiated"),
    "observers": ("hinge.observability", "hinge.health", "hinge_wsgi.observed"),
    "the document": ("hinge.openapi.document", "hinge.openapi.json_schema", "html"),
    "WebSockets": ("hinge.websocket",),
    "coroutines": ("asyncio", "anyio", "concurrent.futures", "hinge_wsgi.portal"),
    "failures": ("logging", "traceback", "hinge.diagnostics.hints"),
    "distributions": ("importlib.metadata", "email", "zipfile"),
}
"""Modules that a compiled app does not load whose routes need none of these."""


@pytest.fixture(scope="module")
def compiled() -> set[str]:
    return loaded_by(COMPILED)


@pytest.mark.parametrize("room", sorted(UNUSED_BY_ROUTES))
def test_a_compile_loads_no_room_that_no_route_uses(compiled: set[str], room: str) -> None:
    assert "hinge_wsgi.compile" in compiled
    assert {name for name in compiled if is_of(name, UNUSED_BY_ROUTES[room])} == set()


def test_importing_hinge_alone_loads_none_of_its_rooms() -> None:
    assert {name for name in loaded_by("import hinge") if is_of(name, ("hinge",))} == {"hinge", "hinge.on_demand"}


def test_each_room_is_loaded_by_what_uses_it() -> None:
    """Those names are of modules that there are."""
    everything = ["import " + ", ".join(sorted(name for names in UNUSED.values() for name in names))]
    assert loaded_by("\n".join(everything)) >= {name for names in UNUSED.values() for name in names}


def test_declaring_and_planning_an_app_loads_none_either() -> None:
    used = loaded_by(
        """
        import msgspec
        from hinge import *
        from hinge.binding.bind import bind
        from hinge.binding.plan import plan_handler

        class Item(msgspec.Struct):
            name: str

        app, router = App(title="Shop", config=Config(debug=True)), Router("/items", tags=["items"])

        @router.post("/{item_id}", status=201)
        async def create(item_id: int, item: Item, size: Query[int] = 1, token: Header[str] | None = None) -> Item: ...

        @app.websocket("/live")
        async def live(ws: WebSocket) -> None: ...

        @app.middleware
        def timing(request: Request) -> Middleware:
            response = yield

        @app.error(KeyError)
        async def missing(request, error): ...

        @app.lifespan
        async def database(app):
            yield {}

        app.include(router)
        assert app.url_for("create", item_id=1) == "/items/1"
        assert app.config.debug

        class Reader:
            query_string = staticmethod(lambda head: "size=2")
            header = staticmethod(lambda name: lambda head: {"content-type": "application/json"}.get(name))

        names = ("item_id",)
        bound = bind(plan_handler(create, names), names, Reader, max_query_fields=10)
        bound(None, ("1",), b'{"name": "x"}', None).close()
        Response("x").set_cookie("a", "b")
        EventSourceResponse([Event("x")])
        JSONResponse({"a": 1})
        """
    )
    assert offending(used) == set()
    assert "hinge.binding.plan" in used


def test_asking_a_backend_for_its_features_loads_no_loop() -> None:
    """`hinge check` and a compile error come before anything is served."""
    used = loaded_by("from hinge_wsgi import backend\nfrom hinge_asgi import backend\nbackend.features")
    assert offending(used) == {"hinge_wsgi", "hinge_asgi"}


def test_plain_handlers_under_wsgi_load_no_loop() -> None:
    used = loaded_by(
        """
        import io
        import msgspec
        from hinge import App, Cookie, Middleware, Request

        class Item(msgspec.Struct):
            name: str

        app = App()

        @app.post("/items/{item_id}")
        def create(item_id: int, item: Item, size: int = 1, seen: Cookie[str] = "") -> Item:
            return item

        @app.get("/lines")
        def lines(request: Request):
            yield "a"
            yield request.query["b"]

        @app.middleware
        def timing(request: Request) -> Middleware:
            response = yield
            response.headers["x-time"] = "1"

        def ask(method, path, body=b""):
            told = []
            environ = {
                "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": "b=c",
                "SERVER_NAME": "x", "SERVER_PORT": "1", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http",
                "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/json", "wsgi.input": io.BytesIO(body),
            }
            answer = b"".join(app.wsgi(environ, lambda status, headers, *rest: told.append(status)))
            return told[0][:3], answer

        assert ask("POST", "/items/5", b'{"name": "x"}') == ("200", b'{"name":"x"}')
        assert ask("POST", "/items/5", b'{"name": 5}')[0] == "422"
        assert ask("GET", "/lines") == ("200", b"ac")
        assert ask("GET", "/none")[0] == "404"
        """
    )
    assert offending(used) == {name for name in used if name.partition(".")[0] == "hinge_wsgi"}


def test_coroutines_under_wsgi_load_the_loop_when_they_are_compiled() -> None:
    used = loaded_by(
        """
        from hinge import App

        app = App()

        @app.get("/")
        async def index() -> str: ...

        app.wsgi
        """
    )
    assert {"asyncio", "anyio", "hinge_wsgi.portal"} <= used


# -- the sources -------------------------------------------------------------------------------------------------------


def source(file: Path) -> Source:
    return read(file, file.relative_to(CORE.parent if CORE in file.parents else BACKENDS).parts[0])


def sources(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def is_of(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def found(files: list[Path], packages: tuple[str, ...]) -> list[str]:
    return [
        f"{file.name}:{line}: {name}" for file in files for name, line in source(file).imports if is_of(name, packages)
    ]


def core_sources() -> list[Path]:
    return [file for file in sources(CORE) if file.relative_to(CORE).parts[0] not in FRONTS + FOR_BACKENDS]


def test_no_source_of_the_core_names_what_it_must_not_import() -> None:
    """Not even inside of a function: what is imported late is imported all the same."""
    files = [file for file in core_sources() if file.relative_to(CORE).as_posix() not in ABOUT_WAITING]
    assert len(files) > 40
    assert found(files, FORBIDDEN) == []


def test_the_core_imports_its_fronts_nowhere() -> None:
    surface = CORE / "backend" / "__init__.py"  # names of all rooms, each loaded when it is asked for
    files = [file for file in core_sources() if file != surface]
    fronts = ("hinge.cli", "hinge.testing", "hinge.conformance", "hinge.loop", "click", "pytest")
    assert found(files, fronts) == [line for line in found(files, ("hinge.cli",)) if line.startswith("__main__.py:")]


def test_the_fronts_know_backends_by_name_only() -> None:
    fronts = [file for front in FRONTS + FOR_BACKENDS for file in sources(CORE / front)]
    assert fronts
    assert found(fronts, BACKEND_PACKAGES) == []


@pytest.mark.parametrize("package", BACKEND_PACKAGES)
def test_no_backend_imports_another_or_the_fronts(package: str) -> None:
    files = sources(BACKENDS / package)
    assert len(files) > 5
    others = tuple(other for other in BACKEND_PACKAGES if other != package)
    assert found(files, (*others, "granian", "hinge.cli", "hinge.testing", "hinge.app")) == []


def test_nothing_runs_text_as_code() -> None:
    """A template, a name or an annotation of the user is data; nothing is built as source and run."""
    for file in core_sources() + [source for package in BACKEND_PACKAGES for source in sources(BACKENDS / package)]:
        for name, line in source(file).calls:
            assert name not in {"exec", "eval", "compile", "builtins.exec"}, f"{file}:{line}"


def test_nothing_rests_on_an_assert() -> None:
    """`python -O` removes them (CVE-2024-30251: control flow in an assert)."""
    for file in sources(CORE) + sources(BACKENDS):
        if file.parent.name == "conformance" and file.name.startswith("test_"):
            continue  # pytest makes ordinary code of these
        assert source(file).asserts == (), file
