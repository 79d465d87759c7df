"""Every way to serve an app that Hinge is tested with: the table that docs/servers.md shows and tests/servers runs.

Law: data. What a server is started with, what it has, and what it lacks, each fault with the tests that see it and the
version that they saw it with. A fault is expected of exactly that version: another one may have mended it.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest
from tests.support.fronts import (
    USER,
    Front,
    apache,
    has_mod_wsgi,
    may_change_user,
    nginx_at_once,
    nginx_buffering,
    nginx_uwsgi,
    uwsgi_ini,
)

from hinge.backend.installed import installed_backends

Arguments = Callable[[int, str], list[str]]


@dataclass(frozen=True)
class Fault:
    """What a server does otherwise than the others, in a line, and the tests that see it.

    A test is named by its function, or by the beginning of its id without the server's name.
    """

    what: str
    tests: tuple[str, ...] = ()
    hangs: bool = False
    """Whether such a test waits for what never comes: it is not run."""
    sometimes: bool = False
    """Whether it is a race."""


@dataclass(frozen=True)
class Kind:
    """One way to serve an app: which server, and over which protocol it calls the app."""

    name: str
    interface: str
    arguments: Arguments = lambda port, target: []
    """From the port and the target to what follows `python -m`, or a program by its absolute path and the rest."""
    websocket: bool = False
    lifespan: bool = False
    """Whether the server runs the lifespan protocol."""
    h2c: bool = False
    uds: str | None = None
    """The path of the Unix socket that it listens on, if not on the port."""
    group: str | None = None
    """The group that it runs in, if not in this process's."""
    tls: bool = False
    in_folder: Callable[[int | str, str, Path], list[str]] | None = None
    """Instead of `arguments`: for those that read files, which it writes into the folder."""
    front: Front | None = None
    """What stands before it; it listens on a Unix socket, or on another port, then."""
    by_socket: bool = False
    is_public: bool = False
    """Whether others than this process's user have to read its folder."""
    environ: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    """Its name in docs/servers.md, where it has a row of its own."""
    command: str = ""
    """How that page says to start it."""
    seen: Mapping[str, str] = field(default_factory=dict)
    """The versions that its facts were seen with, by distribution, or by Debian's package."""
    stops: bool = True
    """Whether lifespans stop when the server is stopped by SIGTERM."""
    faults: tuple[Fault, ...] = ()
    like: str = ""
    """The kind whose differences it shares: the same server, reached otherwise."""
    needs: Callable[[], bool] = lambda: True
    """Whether it can be started here at all."""

    def fault(self, test: str) -> Fault | None:
        """Return the fault that a test of this server sees, by the test's name and parameters."""
        test = re.sub(rf"(?<=\[){re.escape(self.name)}-?", "", test).replace("[]", "")
        return next((one for one in self.faults if any(test.startswith(name) for name in one.tests)), None)

    def is_as_seen(self) -> bool:
        """Tell whether exactly those versions are here with which its faults were seen."""
        return all(installed(name) == seen for name, seen in self.seen.items())


@cache
def installed(name: str) -> str:
    """Return the installed version of a distribution or of a Debian package; empty if there is none."""
    try:
        return version(name)
    except PackageNotFoundError:
        query = ["dpkg-query", "-W", "-f", "${Version}", name]
        try:
            found = subprocess.run(query, capture_output=True, text=True, check=False).stdout
        except FileNotFoundError:
            return ""
        return re.sub(r"^\d+:|-.*", "", found)  # upstream's version


def _granian(interface: str, *options: str) -> Arguments:
    return lambda port, target: ["granian", "--port", str(port), "--interface", interface, *options, target]


def _gunicorn(*options: str) -> Arguments:
    return lambda port, target: ["gunicorn", *options, "-b", f"127.0.0.1:{port}", target]


def _script(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _tls(interface: str) -> Callable[[int | str, str, Path], list[str]]:
    """Have Granian use a certificate of its own."""

    def arguments(port: int | str, target: str, folder: Path) -> list[str]:
        names = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
        new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        subprocess.run([*new, "-days", "1", "-subj", "/CN=localhost", *names], check=True, capture_output=True)
        files = ["--ssl-certificate", str(folder / "certificate.pem"), "--ssl-keyfile", str(folder / "key.pem")]
        return ["granian", "--port", str(port), "--interface", interface, *files, target]

    return arguments


def uwsgi(processes: int = 1) -> Callable[[int | str, str, Path], list[str]]:
    """Start uWSGI with the page's file; on a port it speaks HTTP instead of its own protocol."""

    def arguments(address: int | str, target: str, folder: Path) -> list[str]:
        file = uwsgi_ini(folder, target, processes)
        if isinstance(address, int):
            text = re.sub(r"(?m)^socket = .*$", f"http-socket = 127.0.0.1:{address}", file.read_text())
            file.write_text(text)
        return [_script("uwsgi"), "--ini", str(file)]

    return arguments


def _hinge_run(backend: str) -> Callable[[int | str, str, Path], list[str]]:
    """Start `hinge run` as docs/deploy/nginx.md does: on a port, or on a socket that nginx's group may use."""

    def arguments(address: int | str, target: str, folder: Path) -> list[str]:
        where = ["--port", str(address)] if isinstance(address, int) else ["--uds", address, "--uds-mode", "660"]
        return ["hinge", "run", target, "--backend", backend, *where]

    return arguments


_GRANIAN, _UVICORN, _HYPERCORN, _DAPHNE, _GUNICORN, _WAITRESS = (
    {"granian": "2.8.9"},
    {"uvicorn": "0.54.0"},
    {"hypercorn": "0.18.0"},
    {"daphne": "4.2.3"},
    {"gunicorn": "27.0.1"},
    {"waitress": "3.0.2"},
)
_NGINX = {"nginx-light": "1.22.1"}
_APACHE = {"apache2-bin": "2.4.71", "libapache2-mod-wsgi-py3": "4.9.4"}
_PEREGRINE = {"peregrine-server": "1.2.0"}

KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "granian-wsgi",
            "wsgi",
            seen=_GRANIAN,
            title="Granian, WSGI",
            command="granian --interface wsgi module:app",
            arguments=_granian("wsgi"),
            h2c=True,
        ),
        Kind(
            "granian-asgi",
            "asgi",
            seen=_GRANIAN,
            title="Granian, ASGI",
            command="granian --interface asgi module:app",
            arguments=_granian("asgi"),
            websocket=True,
            lifespan=True,
            h2c=True,
        ),
        Kind(
            "uvicorn",
            "asgi",
            seen=_UVICORN,
            title="uvicorn",
            command="uvicorn module:app",
            # Where httptools is installed, as other packages of the gate bring it, uvicorn takes that in place of h11.
            arguments=lambda port, t: ["uvicorn", "--http", "h11", "--port", str(port), t],
            websocket=True,
            lifespan=True,
        ),
        Kind(
            "hypercorn",
            "asgi",
            seen=_HYPERCORN,
            title="hypercorn",
            command="hypercorn module:app",
            arguments=lambda port, target: ["hypercorn", "--bind", f"127.0.0.1:{port}", target],
            websocket=True,
            lifespan=True,
            h2c=True,
        ),
        Kind(
            "daphne",
            "asgi",
            seen=_DAPHNE,
            title="daphne",
            command="daphne module:app",
            arguments=lambda port, t: ["daphne", "-b", "127.0.0.1", "-p", str(port), t],
            websocket=True,
        ),
        Kind(
            "gunicorn",
            "wsgi",
            seen=_GUNICORN,
            title="gunicorn, threads",
            command="gunicorn -k gthread --threads 16 module:app",
            arguments=_gunicorn("-k", "gthread", "--threads", "16"),
        ),
        Kind(
            "waitress",
            "wsgi",
            title="waitress",
            command="waitress-serve --threads 16 module:app",
            stops=False,
            seen=_WAITRESS,
            arguments=lambda port, t: ["waitress", "--threads", "16", "--listen", f"127.0.0.1:{port}", t],
        ),
    )
}
"""The servers whose every difference is known: all tests of servers run on them, and those of tests/upstream."""

_DENIES = Fault(
    "a denied WebSocket handshake is a bare 403: without `websocket.http.response`",
    (
        *(
            f"test_a_denied_handshake_is_answered_with_a_response[{how}"
            for how in ("problem", "response", "error", "fail")
        ),
        "test_a_path_that_is_not_there",
    ),
)
_ONE_AT_A_TIME = Fault(
    "one request at a time: whoever streams, waits or is slow holds up everybody",
    (
        "test_work_after_the_response_waits_for_it",
        "test_a_chunk_is_sent_before_the_next_one_exists",
        "test_the_server_goes_on_while_streams_are_open",
        "test_a_client_that_does_not_read_holds_up_the_source",
    ),
    hangs=True,
)
_OPTIONS = "test_options_for_the_server_as_a_whole"
_HEAD = "test_the_head_of_a_request"
_CUT = "test_a_failure_after_the_first_chunk_cuts_the_connection"
_REPEATED = "test_repeated_headers_are_one_list"
_HOSTILE = "test_every_request_has_a_defined_answer["
_PIPELINED = "test_pipelined_requests_are_answered_in_order"
_LAST_LINE = "of repeated header lines the last one counts"
_REUSED = "test_a_connection_is_reused_after_a_stream"
_TWICE = "test_a_body_framed_twice"
_UNDERSCORES = Fault("takes a header `X_A` for `X-A`", ("test_who_takes_an_underscore_for_a_hyphen",))
_APACHE_FAULTS = (
    Fault("answers `OPTIONS *` itself", (_OPTIONS,)),
    Fault("drops `Content-Length` beside chunks", (_TWICE, f"{_HOSTILE}length and chunks")),
)
_NGINX_FAULTS = (
    Fault("refuses `OPTIONS *`", (_OPTIONS,)),
    Fault("takes `x-accel-buffering` for itself", ("test_an_event_stream_on_the_wire",)),
    Fault("small chunks of a stream may arrive as one", (_CUT,), sometimes=True),
    Fault(
        "may answer 502 where the app refuses a body: the app goes before nginx has sent it",
        ("test_a_body_above_the_limit_is_refused",),
        sometimes=True,
    ),
)
_PORT = Fault("the client is the proxy; its port is not told", (_HEAD,))

MORE = {
    kind.name: kind
    for kind in (
        Kind(
            "granian-wsgi-tls",
            "wsgi",
            title="Granian, WSGI, TLS",
            command="granian --interface wsgi --ssl-certificate cert.pem --ssl-keyfile key.pem module:app",
            in_folder=_tls("wsgi"),
            tls=True,
            h2c=True,
            like="granian-wsgi",
            seen=_GRANIAN,
        ),
        Kind(
            "granian-asgi-tls",
            "asgi",
            title="Granian, ASGI, TLS",
            command="granian --interface asgi --ssl-certificate cert.pem --ssl-keyfile key.pem module:app",
            in_folder=_tls("asgi"),
            tls=True,
            h2c=True,
            websocket=True,
            lifespan=True,
            like="granian-asgi",
            seen=_GRANIAN,
        ),
        Kind(
            "granian-rsgi",
            "rsgi",
            title="Granian, RSGI",
            command="granian module:app",
            arguments=_granian("rsgi"),
            h2c=True,
            lifespan=True,
            needs=lambda: "rsgi" in installed_backends(),
            seen=_GRANIAN,
            faults=(
                Fault(
                    "without the path as it was sent, U+FFFD in it cannot be told from what is not UTF-8: 400",
                    (
                        "test_every_server_gives_the_same_answer[GET /files/%EF",
                        "test_the_answers_are_those_of_http_1[GET /files/%EF",
                    ),
                ),
                Fault("drops `Content-Length` beside chunks", (_TWICE, f"{_HOSTILE}length and chunks")),
                Fault(
                    "a stream that fails looks complete",
                    (_CUT, "test_a_failure_after_the_first_chunk_resets_the_stream"),
                ),
            ),
        ),
        Kind(
            "gunicorn-sync",
            "wsgi",
            title="gunicorn, sync",
            command="gunicorn module:app",
            arguments=_gunicorn(),
            seen=_GUNICORN,
            faults=(_ONE_AT_A_TIME, Fault("one request a connection", ("test_many_at_a_time", _REUSED, _PIPELINED))),
        ),
        Kind(
            "gunicorn-gevent",
            "wsgi",
            title="gunicorn, gevent",
            command="gunicorn -k gevent module:app",
            arguments=_gunicorn("-k", "gevent"),
            seen=_GUNICORN | {"gevent": "26.9.0"},
            faults=(Fault("`asyncio` sees a running loop in every handler", ("test_where_handlers_run",)),),
        ),
        Kind(
            "gunicorn-asgi",
            "asgi",
            title="gunicorn, asgi",
            command="gunicorn -k asgi module:app",
            arguments=_gunicorn("-k", "asgi"),
            websocket=True,
            lifespan=True,
            seen=_GUNICORN,
            faults=(
                _DENIES,
                Fault(
                    "a lost peer may have no close code",
                    ("test_a_handler_learns_of_its_peers_leaving_whatever_it_does[reset-flood",),
                    sometimes=True,
                ),
            ),
        ),
        Kind(
            "gunicorn-uvicorn",
            "asgi",
            title="gunicorn, uvicorn's worker",
            command="gunicorn -k uvicorn.workers.UvicornWorker module:app",
            arguments=_gunicorn("-k", "uvicorn.workers.UvicornWorker"),
            websocket=True,
            lifespan=True,
            seen=_GUNICORN | _UVICORN,
        ),
        Kind(
            "cheroot",
            "wsgi",
            title="cheroot",
            command="cheroot --threads 16 module:app",
            arguments=lambda port, t: ["cheroot", "--threads", "16", "--bind", f"127.0.0.1:{port}", t],
            seen={"cheroot": "11.1.2"},
            stops=False,
            faults=(
                Fault(
                    "`%2F` stays as it is in a path", ("test_every_server_gives_the_same_answer[GET /files/a/b%2Fc",)
                ),
                Fault(
                    "lets a NUL in a header, a space before its colon, repeated `Host` and `Content-Length` through",
                    tuple(
                        f"{_HOSTILE}{case}"
                        for case in ("NUL in a header", "space before the colon", "repeated Host", "two lengths")
                    ),
                ),
                Fault("has no limit of a path's length", (f"{_HOSTILE}100 KB path",)),
                _UNDERSCORES,
                Fault("`OPTIONS *` is a path", (_OPTIONS,)),
                Fault("refuses absolute targets", ("test_an_absolute_target_is_its_path",)),
                Fault(_LAST_LINE, (_REPEATED,)),
                Fault("the connection goes on after a body that is framed twice", (_TWICE,)),
            ),
        ),
        Kind(
            "uwsgi",
            "wsgi",
            title="uWSGI, its HTTP",
            command="[uwsgi.ini](deploy/uwsgi.md), `http-socket`",
            in_folder=uwsgi(),
            seen={"pyuwsgi": "2.0.30.post1"},
            faults=(
                Fault(
                    "its HTTP has one request a connection, and does not say so",
                    (
                        "test_head_says_what_get_says_and_the_connection_goes_on",
                        "test_an_unread_body_does_not_become_the_next_request",
                        "test_many_at_a_time",
                        _REUSED,
                        _PIPELINED,
                    ),
                ),
                Fault("a stream that fails looks complete: its end is the connection's", (_CUT,)),
                Fault("the client's port is not told", (_HEAD,)),
                Fault(
                    "lets a NUL in a header and a space before its colon through",
                    (f"{_HOSTILE}NUL in a header", f"{_HOSTILE}space before the colon"),
                ),
                Fault("does not ask for a body that awaits `100-continue`", ("test_expect_continue",)),
                _UNDERSCORES,
            ),
        ),
        Kind(
            "peregrine-wsgi",
            "wsgi",
            title="Peregrine, WSGI",
            command="peregrine --protocol wsgi --wsgi-threads 16 module:app",
            arguments=lambda port, t: [
                "peregrine",
                "--protocol",
                "wsgi",
                "--wsgi-threads",
                "16",
                "--port",
                str(port),
                t,
            ],
            seen=_PEREGRINE,
            faults=(Fault("answers a WebSocket handshake with 501 itself", ("test_on_wsgi_a_handshake_is_told",)),),
        ),
        Kind(
            "peregrine-asgi",
            "asgi",
            title="Peregrine, ASGI",
            command="peregrine --protocol asgi --graceful-timeout 1000 module:app",
            arguments=lambda port, t: [
                "peregrine",
                "--protocol",
                "asgi",
                "--graceful-timeout",
                "1000",
                "--port",
                str(port),
                t,
            ],
            websocket=True,
            lifespan=True,
            seen=_PEREGRINE,
            faults=(
                _DENIES,
                Fault(
                    "a text message with characters beyond ASCII is cut off, and so is a reason",
                    ("test_text_and_binary_messages", "test_the_server_closes_with_code_and_reason[3000-caf"),
                ),
                Fault(
                    "a WebSocket's handler does not hear of a peer that is gone without a close frame",
                    (
                        "test_a_handler_learns_of_its_peers_leaving_whatever_it_does[reset-push",
                        "test_a_handler_learns_of_its_peers_leaving_whatever_it_does[reset-flood",
                        "test_a_handler_learns_of_its_peers_leaving_whatever_it_does[reset-disconnect",
                    ),
                    hangs=True,
                ),
            ),
        ),
        Kind(
            "fastpysgi",
            "wsgi",
            title="FastPySGI",
            command="fastpysgi module:app.wsgi",
            arguments=lambda port, t: [_script("fastpysgi"), "--host", "127.0.0.1", "--port", str(port), f"{t}.wsgi"],
            seen={"fastpysgi": "0.6"},
            stops=False,
            faults=(
                _ONE_AT_A_TIME,
                Fault(
                    "decodes paths beyond ASCII itself, against PEP 3333: they are refused with 400",
                    tuple(
                        f"test_every_server_gives_the_same_answer[GET {path}"
                        for path in ("/files/a/b%2Fc", "/files/%ff", "/files/%EF", "/items/%D9")
                    ),
                ),
                Fault(
                    "an answer to HEAD and a 204 have a length of their own",
                    (
                        "test_every_server_gives_the_same_answer[HEAD /plain",
                        "test_an_answer_without_a_body_has_no_length_either",
                        "test_head_says_what_get_says",
                    ),
                ),
                Fault("answers HTTP/1.0 without `Host` with 400", ("test_http_1_0",)),
                Fault("does not ask for a body that awaits `100-continue`", ("test_expect_continue",), hangs=True),
                Fault("the client's address is with its port", (_HEAD,)),
                Fault(_LAST_LINE, (_REPEATED,)),
                Fault("cuts a header value at its first byte beyond ASCII", ("test_a_value_that_is_not_ascii",)),
                Fault("collects a stream's first chunks", (_CUT,), hangs=True),
                Fault(
                    "sends no event stream's head before its first event",
                    ("test_an_event_stream_starts_and_lives_without_events",),
                    hangs=True,
                ),
            ),
        ),
        Kind(
            "apache-daemon",
            "wsgi",
            title="Apache, mod_wsgi's daemons",
            command="[shop.conf](deploy/apache.md#mod_wsgi-in-daemon-mode)",
            in_folder=apache("shop.conf"),
            is_public=True,
            environ={"PYTHONPATH": ""},
            seen=_APACHE,
            needs=has_mod_wsgi,
            faults=(
                *_APACHE_FAULTS,
                Fault(
                    "waits for a whole body before it calls the app",
                    (f"{_HOSTILE}above the limit", "test_nothing_of_it_is_logged_with_a_traceback"),
                    hangs=True,
                ),
                Fault("joins response headers of one name", ("test_response_headers_keep_their_lines",)),
                Fault("answers a cut upload with 500", ("test_a_cut_body_never_reaches_its_handler",)),
                Fault("a stream that fails looks complete, and small chunks may arrive as one", (_CUT,)),
            ),
        ),
        Kind(
            "apache-embedded",
            "wsgi",
            title="Apache, mod_wsgi embedded",
            command="[embedded.conf](deploy/apache.md#mod_wsgi-in-embedded-mode)",
            in_folder=apache("embedded.conf"),
            is_public=True,
            environ={"PYTHONPATH": ""},
            seen=_APACHE,
            needs=has_mod_wsgi,
            faults=_APACHE_FAULTS,
        ),
        Kind(
            "nginx-tcp",
            "wsgi",
            title="nginx over TCP, `hinge run` on WSGI",
            command="[nginx.conf](deploy/nginx.md#over-tcp)",
            in_folder=_hinge_run("wsgi"),
            lifespan=True,
            front=nginx_buffering,
            is_public=True,
            seen=_NGINX,
            faults=(
                *_NGINX_FAULTS,
                Fault("of two `Content-Type` lines one counts", (f"{_HOSTILE}two Content-Type lines",)),
                _PORT,
                Fault(
                    "takes in what a client does not read, in memory and in files",
                    ("test_a_client_that_does_not_read_holds_up_the_source",),
                ),
            ),
        ),
        Kind(
            "nginx-unix",
            "asgi",
            title="nginx over a socket, `hinge run` on ASGI",
            command="[nginx.conf](deploy/nginx.md), [at-once.conf](deploy/nginx.md#streams)",
            in_folder=_hinge_run("asgi"),
            front=nginx_at_once,
            by_socket=True,
            is_public=True,
            websocket=True,
            lifespan=True,
            group=USER if may_change_user() else None,
            seen=_NGINX,
            faults=(*_NGINX_FAULTS, Fault("the client is not told over a Unix socket", (_HEAD,))),
        ),
        Kind(
            "nginx-uwsgi",
            "wsgi",
            title="nginx before uWSGI",
            command="[location.conf](deploy/uwsgi.md#nginx-in-front)",
            in_folder=uwsgi(),
            front=nginx_uwsgi,
            by_socket=True,
            is_public=True,
            group=USER if may_change_user() else None,
            seen=_NGINX | {"pyuwsgi": "2.0.30.post1"},
            faults=(
                *_NGINX_FAULTS,
                Fault("of two `Content-Type` lines one counts", (f"{_HOSTILE}two Content-Type lines",)),
                Fault(_LAST_LINE, (_REPEATED,)),
            ),
        ),
    )
}
MATRIX = KINDS | MORE


def kinds(condition: Callable[[Kind], bool] = lambda kind: True, among: Mapping[str, Kind] = MATRIX) -> list[Any]:
    """Return the names of the kinds for which a condition holds, as parameters; all but Granian are the gate's."""
    return [
        pytest.param(kind.name, marks=() if kind.name in {"granian-wsgi", "granian-asgi"} else pytest.mark.gate)
        for kind in among.values()
        if condition(kind) and kind.needs()
    ]


BARE_GRANIAN = Kind("granian", "rsgi", lambda port, target: ["granian", "--port", str(port), target])
"""Granian without `--interface`."""
