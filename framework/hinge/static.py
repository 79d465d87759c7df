"""A directory whose files are answered below a path.

Law: a request names segments, never a path: each is checked, and what is opened lies below the directory, symbolic
links followed to their end. Whatever is wrong with a name is the same 404, so that nobody learns what lies outside.
A small file is sent for a moment as it was found (`hinge.responses.recent`), without another look, not in debug mode.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from time import monotonic
from typing import TypeAlias

from hinge.errors import ConfigurationError, HTTPError
from hinge.http.accept import choose_coding
from hinge.request import HTTPConnection, redirect_to
from hinge.responses.files import FileResponse, guess_media_type
from hinge.responses.opened import ABSENT, SHUT, Opened, open_below, open_path
from hinge.responses.recent import Recent
from hinge.responses.response import Response, content_type

SUFFIXES = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
"""The content codings of files compressed beforehand, best first, and what their names end with."""

_NUMBERED = "123456789\u00b9\u00b2\u00b3"
_DEVICES = frozenset(
    {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", *(f"{port}{n}" for port in ("COM", "LPT") for n in _NUMBERED)}
)
"""What Windows takes for a device in every folder, with any ending."""

CacheControl = str | Mapping[str, str] | None

_Found: TypeAlias = FileResponse | tuple[str, ...]
"""A response, or the codings that a file has, each of which is a response of its own."""


class StaticFiles:
    """Find the files of one directory; calling it answers a request.

    Raises:
        ConfigurationError: there is no such directory, or an option is none.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        index: str | None = "index.html",
        fallback: str | None = None,
        cache_control: CacheControl = None,
        precompressed: bool = True,
        dot_files: bool = False,
        follow_symlinks: bool = False,
    ) -> None:
        if not isinstance(directory, str | os.PathLike):
            raise ConfigurationError(f"directory={directory!r} is no path. Fix: directory='static'")
        self._root = os.path.realpath(directory)
        if not os.path.isdir(self._root):  # noqa: PTH112 - strings all the way: a Path costs as much as the look-up
            raise ConfigurationError(f"{os.fspath(directory)!r} is no directory{_seen_from(directory)}")
        for option, name in (("index", index), ("fallback", fallback)):
            if name is not None and not (isinstance(name, str) and name and "\0" not in name):
                raise ConfigurationError(f"{option}={name!r} is no file name. Fix: {option}='index.html'")
        self._index = index
        self._fallback = None if fallback is None else fallback.split("/")
        self._cache_control = _patterns(cache_control)
        self._precompressed = precompressed
        self._dot_files = dot_files
        self._follow_symlinks = follow_symlinks
        self._recent: Recent[_Found] = Recent()

    def __call__(self, request: HTTPConnection, path: str) -> Response:
        """Return the file that a path below the directory names.

        Raises:
            HTTPError: 404, there is none.
        """
        response: Response = self._found_before(request, path) or self._find(request, path)
        if request._endpoint.layers or not isinstance(response, FileResponse) or not response.is_at_hand:
            return response  # middleware gets the file itself
        answer = response.for_request(request)
        whole = answer.at_once() if isinstance(answer, FileResponse) else answer
        return response if whole is None else whole

    def _found_before(self, request: HTTPConnection, key: str | None) -> FileResponse | None:
        """Return what was found a moment ago for a path, or for None in place of the pages' own addresses."""
        if request._endpoint.config.debug:
            return None
        found = self._recent.get(key)
        if isinstance(found, tuple):
            found = self._recent.get((key, choose_coding(_accepted(request), found)))
        return found if isinstance(found, FileResponse) else None

    def _find(self, request: HTTPConnection, path: str) -> Response:
        since = monotonic()
        segments, is_folder = path.split("/"), path.endswith("/") or not path
        if is_folder:
            segments.pop()
        if segments and not self._are_safe(segments):
            raise HTTPError(404)
        found = self._open(segments)
        if found is not None and found.is_folder:
            page = None if self._index is None else [*segments, self._index]
            index = None if page is None else self._open_file(page)
            if page is not None and index is not None:
                if is_folder:
                    return self._respond(request, page, index, path, since)
                return redirect_to(request, request.path + "/")  # relative links on its page depend on the slash
        elif found is not None and found.is_regular and not is_folder:
            return self._respond(request, segments, found, path, since)
        # An address of the page's own: what looks like a file is one that is missing.
        if self._fallback is not None and "." not in (segments[-1] if segments else ""):
            return self._fall_back(request, self._fallback)
        raise HTTPError(404)

    def _fall_back(self, request: HTTPConnection, segments: Sequence[str]) -> Response:
        since, response = monotonic(), self._found_before(request, None)
        if response is not None:
            return response
        found = self._open_file(segments)
        if found is None:
            raise HTTPError(404)
        return self._respond(request, segments, found, None, since)

    def _are_safe(self, segments: Sequence[str]) -> bool:
        return all(is_safe(segment, dot_files=self._dot_files) for segment in segments)

    def _path(self, segments: Sequence[str]) -> str:
        return os.path.join(self._root, *segments)  # noqa: PTH118 - as above

    def _open(self, segments: Sequence[str]) -> Opened | None:
        """Return what is there and within the directory."""
        try:
            return open_path(self._path(segments)) if self._follow_symlinks else open_below(self._root, segments)
        except OSError as error:
            if error.errno in ABSENT or error.errno in SHUT:
                return None
            raise
        except ValueError:
            return None

    def _open_file(self, segments: Sequence[str]) -> Opened | None:
        """Return a regular file, None if there is none."""
        found = self._open(segments)
        return found if found is not None and found.is_regular else None

    def _respond(
        self, request: HTTPConnection, segments: Sequence[str], found: Opened, key: str | None, since: float
    ) -> FileResponse:
        headers: list[tuple[str, str]] = []
        if self._cache_control:
            name = "/".join(segments)
            for matches, value in self._cache_control:
                if matches(name):
                    headers.append(("cache-control", value))
                    break
        path = self._path(segments)
        siblings = self._siblings(segments, path) if self._precompressed else {}
        codings, coding = tuple(siblings), None
        if siblings:
            headers.append(("vary", "accept-encoding"))
            coding = choose_coding(_accepted(request), codings)
            if coding is not None:
                headers.append(("content-encoding", coding))
                headers.append(("content-type", content_type(guess_media_type(segments[-1]))))
                path, found = path + SUFFIXES[coding], siblings[coding]
        response = FileResponse.opened(path, found, headers or None, may_move=not self._follow_symlinks)
        if response.is_at_hand:
            response._is_taken = True  # each request gets a copy
            if codings:
                self._recent.keep(key, codings, since)
            self._recent.keep((key, coding) if codings else key, response, since, weight=response.size)
        return response

    def _siblings(self, segments: Sequence[str], path: str) -> dict[str, Opened]:
        """Return the compressed forms of a file, by their coding."""
        found = {}
        for coding, suffix in SUFFIXES.items():
            if os.path.lexists(path + suffix):  # most have none, and this look is a cheap one
                sibling = self._open_file([*segments[:-1], segments[-1] + suffix])
                if sibling is not None:
                    found[coding] = sibling
        return found


def _accepted(request: HTTPConnection) -> str | None:
    return request._reader.header("accept-encoding")(request._head)


def is_safe(segment: str, *, dot_files: bool, windows: bool = os.name == "nt") -> bool:
    """Tell whether a segment of a decoded path is the name of an ordinary file or folder.

    Neither separators of any system nor NUL, no `.` and `..`, and names that begin with a dot only with `dot_files`. On
    Windows no drive, no stream, no device and no name that the system would read as another one.
    """
    if not segment or segment in (".", "..") or "\0" in segment or "/" in segment or "\\" in segment:
        return False
    if segment[0] == "." and not dot_files:
        return False
    if not windows:
        return True
    device = segment.partition(".")[0].rstrip(" ").upper()
    return not (":" in segment or segment[-1] in ". " or device in _DEVICES)


def _patterns(cache_control: CacheControl) -> list[tuple[Callable[[str], bool], str]]:
    if cache_control is None:
        return []
    values = {"*": cache_control} if isinstance(cache_control, str) else cache_control
    fix = "Fix: 'max-age=60', or {'*.css': 'max-age=60'}"
    if not isinstance(values, Mapping):
        raise ConfigurationError(f"cache_control={values!r} is neither a text nor a mapping. {fix}")
    for pattern, value in values.items():
        if not isinstance(pattern, str) or not isinstance(value, str) or not value.isprintable():
            raise ConfigurationError(
                f"cache_control: {pattern!r}: {value!r} is no pattern of names with a value. {fix}"
            )
    return [(_matcher(pattern), value) for pattern, value in values.items()]


def _matcher(pattern: str) -> Callable[[str], bool]:
    return lambda name: fnmatchcase(name, pattern)


def _seen_from(directory: str | os.PathLike[str]) -> str:
    """Return what helps to find a directory that is missing: a relative one depends on where the server was started."""
    if os.path.isabs(directory):  # noqa: PTH117 - as above
        return ". Fix: make it, or give its path"
    beside = f"Path(__file__).parent / {os.fspath(directory)!r}"
    return f" in {os.getcwd()}. Fix: give its path from the app's file: {beside}"  # noqa: PTH109 - as above
