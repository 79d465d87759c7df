"""FrozenApp -> the WSGI callable.

Law: what a route needs is decided here, once: each endpoint becomes one `serve(environ, start_response, values)` that
holds nothing it does not use. Every request runs in a context copy of its own, because server threads are reused.
"""

from __future__ import annotations

from contextvars import copy_context
from functools import cache
from operator import itemgetter
from typing import Any

from hinge.compiling.frozen import Endpoint, FrozenApp
from hinge.entry import refusing
from hinge.errors import HTTPError
from hinge.http.body import check_framing
from hinge.http.target import disguised
from hinge_wsgi import environ as reader
from hinge_wsgi.environ import Environ
from hinge_wsgi.respond import StartResponse
from hinge_wsgi.runtime import Runtime
from hinge_wsgi.serve import Serve, make_serve


def compile_wsgi(frozen: FrozenApp) -> Any:
    """Return the callable `(environ, start_response)` with `start`, `drain` and `stop` for the worker around it."""
    runtime = Runtime(frozen)
    serving = _exposed if frozen.exposes_route else _serve
    served = cache(lambda endpoint: serving(endpoint, runtime))  # paths and methods share endpoints
    table = frozen.table.map(lambda leaf: leaf.map(served))
    not_found, refuse = frozen.not_found.map(served), frozen.refusing(served)
    # As PATH_INFO has them, so that no request pays for decoding what it looks up.
    static = {disguised(path): leaf for path, leaf in table.static.items()}
    find, path_of = table.find, reader.path
    has_lifespan = runtime.has_lifespan

    def application(environ: Environ, start_response: StartResponse) -> Any:
        values: tuple[str, ...] = ()
        try:
            if "HTTP_TRANSFER_ENCODING" in environ:
                check_framing(environ["HTTP_TRANSFER_ENCODING"], environ.get("CONTENT_LENGTH"))
            if has_lifespan and not runtime.ready and not runtime.start_lazily():
                raise frozen.unstarted()
            path = environ.get("PATH_INFO", "")
            leaf = static.get(path)
            if leaf is None:
                path = path_of(environ)
                found = find(path)
                leaf, values = (not_found, values) if found is None else found
            serve = leaf.methods.get(environ["REQUEST_METHOD"], leaf.otherwise)
        except HTTPError as error:
            serve, values = refuse(environ["REQUEST_METHOD"], error)
        return copy_context().run(serve, environ, start_response, values)

    runtime.in_flight.mark(application, itemgetter("environ"), reader)
    return _with_worker_hooks(frozen.wrap(application), application, runtime, frozen)


def _with_worker_hooks(wrapped: Any, application: Any, runtime: Runtime, frozen: FrozenApp) -> Any:
    if wrapped is not application:
        from hinge_wsgi.late_start import in_time  # noqa: PLC0415 - only apps with native middleware pay for it

        wrapped = in_time(wrapped)
        if frozen.not_found.otherwise.observers:
            from hinge_wsgi.observed import observed_around  # noqa: PLC0415 - only observed apps pay for it

            wrapped = observed_around(wrapped, frozen, runtime)

    def outermost(environ: Environ, start_response: StartResponse) -> Any:
        return wrapped(environ, start_response)

    # A function: an object with a `__call__`, a partial too, would cost each request 70 ns and more.
    served: Any = application if wrapped is application else outermost
    for name in ("start", "drain", "stop", "still_open"):
        setattr(served, name, getattr(runtime, name))
    served.__rsgi_init__ = refusing("rsgi")  # a granian that was not told WSGI
    served.runtime = runtime  # for in-process connections, which raise what a lifespan raised
    served.inside = lambda outermost: _with_worker_hooks(outermost, served, runtime, frozen)
    return served


def _exposed(endpoint: Endpoint, runtime: Runtime) -> Serve:
    from hinge_wsgi.route import exposed  # noqa: PLC0415 - only an app that somebody looks at pays for it

    return exposed(endpoint, _serve(endpoint, runtime))


def _serve(endpoint: Endpoint, runtime: Runtime) -> Serve:
    if not endpoint.observers:
        return _unobserved(endpoint, runtime)
    from hinge_wsgi.observed import observed  # noqa: PLC0415 - only observed apps pay for it

    return observed(_unobserved(endpoint, runtime), endpoint, runtime)


def _unobserved(endpoint: Endpoint, runtime: Runtime) -> Serve:
    if endpoint.is_handed_over("wsgi"):
        from hinge_wsgi.handed_over import make_serve_directly  # noqa: PLC0415 - only who mounts some pays for it

        return make_serve_directly(endpoint, runtime)
    if endpoint.is_guarded:
        from hinge_wsgi.dependencies import with_guards  # noqa: PLC0415 - only routes with guards pay for it

        endpoint = with_guards(endpoint)
    if endpoint.has_async_layers:
        endpoint = endpoint.plainly()
    if not endpoint.has_async_layers:
        return make_serve(endpoint, runtime)
    from hinge_wsgi.on_loop import make_serve_on_loop  # noqa: PLC0415 - with asyncio, for who needs a loop

    return make_serve_on_loop(endpoint, runtime)
