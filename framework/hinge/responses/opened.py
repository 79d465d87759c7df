"""A regular file that is open, and how to come to one that is below a directory.

Law: what is decided of a file is decided of its descriptor: a path may lead elsewhere at the next look. Below a
directory no link is followed: what it leads to is walked to from the directory again, step by step. Opening never
waits, as for the other end of a pipe.
"""

import errno
import os
import stat
from collections.abc import Sequence
from typing import cast

from hinge.errors import HTTPError

_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0)
_CAN_WALK = os.open in os.supports_dir_fd and bool(_NO_LINK)
_IS_LINK = frozenset({errno.ELOOP, errno.ENOTDIR, errno.EMLINK})
"""How systems tell that a step is a link."""
ABSENT = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EMLINK, errno.ENXIO, errno.EINVAL}
)
"""How they tell that there is no such file, or that it is a socket."""
SHUT = frozenset({errno.EACCES, errno.EPERM})
_NO_WAIT: int | None = getattr(os, "RWF_NOWAIT", None)


class Opened:
    """An open descriptor, closed with this object; `found` is what `os.fstat` tells of it."""

    __slots__ = ("_descriptor", "found")

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor
        self.found = os.fstat(descriptor)

    @property
    def is_regular(self) -> bool:
        """Whether it is a regular file."""
        return stat.S_ISREG(self.found.st_mode)

    @property
    def is_folder(self) -> bool:
        """Whether it is a directory."""
        return stat.S_ISDIR(self.found.st_mode)

    def read(self, start: int, stop: int) -> bytes:
        """Return these bytes, or some of the first of them; none at the end of the file.

        Raises:
            OSError: it cannot be read, or was given away.
        """
        descriptor = self._own()
        os.lseek(descriptor, start, os.SEEK_SET)
        return os.read(descriptor, stop - start)

    def read_all(self) -> bytes | None:
        """Return what a regular file holds, None if it changes meanwhile; raises OSError as `read`."""
        content, now = self.read(0, self.found.st_size), os.fstat(self._own())
        is_same = len(content) == now.st_size and now.st_mtime_ns == self.found.st_mtime_ns
        return content if is_same else None

    def is_in_memory(self, start: int, stop: int) -> bool:
        """Tell whether these bytes are read without a disk, by the first and the last one; False if nobody knows."""
        if _NO_WAIT is None or self._descriptor is None:
            return False
        try:
            return all(os.preadv(self._descriptor, [bytearray(1)], at, _NO_WAIT) for at in (start, stop - 1))
        except OSError:  # it would wait, or the file system cannot tell
            return False

    def _own(self) -> int:
        if self._descriptor is None:
            raise OSError(errno.EBADF, "the file was given away or closed")
        return self._descriptor

    def close(self) -> None:
        """Close it, unless that is somebody else's task by now."""
        if (left := self.take()) is not None:
            os.close(left)

    def take(self) -> int | None:
        """Return the descriptor to who closes it from now on, None if somebody has it already."""
        taken, self._descriptor = self._descriptor, None
        return taken

    def __del__(self) -> None:
        self.close()


class PromisedFile:
    """A regular file of which a response has told size and state already; `opened` if it was found open.

    `content` is all of it, if it was read with that; None if it is to be read.
    """

    __slots__ = ("content", "found", "opened", "path")

    def __init__(
        self, path: str, found: os.stat_result, opened: Opened | None = None, content: bytes | None = None
    ) -> None:
        self.path = path
        self.found = found
        self.opened = opened
        self.content = content

    def open(self) -> Opened:
        """Return the open file, for the caller alone.

        Raises:
            HTTPError: 404, it was removed meanwhile, or what is there is no file.
            OSError: it cannot be read, or another one took its place.
        """
        opened, self.opened = self.opened, None
        return self._reopened() if opened is None else opened

    def descriptor(self) -> int:
        """Return an open descriptor of the file, for the caller to close; raises as `open`."""
        return cast("int", self.open().take())

    def _reopened(self) -> Opened:
        try:
            opened = open_path(self.path)
        except OSError as error:
            if error.errno in ABSENT:
                raise HTTPError(404) from error
            raise
        if not opened.is_regular:
            raise HTTPError(404)
        if not os.path.samestat(opened.found, self.found):
            raise OSError(f"{self.path} was replaced by another file after its headers were made")
        return opened


def open_path(path: str) -> Opened:
    """Open what a path leads to.

    Raises:
        OSError: as `os.open`.
        ValueError: the path has a NUL.
    """
    return Opened(os.open(path, _READ))


def open_below(root: str, segments: Sequence[str]) -> Opened:
    """Open what is below a directory, which is told without links; links that lead out of it lead nowhere.

    Raises:
        OSError: as `os.open`; FileNotFoundError if it is not below the directory.
        ValueError: a segment has a NUL.
    """
    if not _CAN_WALK:
        return _open_checked(root, _joined(root, segments))
    try:
        return Opened(_walk(root, segments))
    except OSError as error:
        if error.errno not in _IS_LINK:
            raise
    real = os.path.realpath(_joined(root, segments))
    return Opened(_walk(root, _below(root, real)))


def _walk(root: str, segments: Sequence[str]) -> int:
    """Open the directory and each segment in the one before, none of which may be a link."""
    folder = os.open(root, _FOLDER if segments else _READ)
    for index, segment in enumerate(segments, 1):
        try:
            inner = _step(folder, segment, is_last=index == len(segments))
        finally:
            os.close(folder)
        folder = inner
    return folder


def _step(folder: int, segment: str, *, is_last: bool) -> int:
    if not is_last:
        return os.open(segment, _FOLDER | _NO_LINK, dir_fd=folder)
    try:
        return os.open(segment, _READ | _NO_LINK, dir_fd=folder)
    except PermissionError:
        return os.open(segment, _FOLDER | _NO_LINK, dir_fd=folder)  # a folder that nobody may list


def _joined(root: str, segments: Sequence[str]) -> str:
    return os.path.join(root, *segments)  # noqa: PTH118 - strings all the way: a Path costs as much as the look-up


def _below(root: str, real: str) -> list[str]:
    if real == root:
        return []
    start = root.rstrip(os.sep) + os.sep
    if not real.startswith(start):
        raise FileNotFoundError(errno.ENOENT, "it is outside", real)
    return real.removeprefix(start).split(os.sep)  # noqa: PTH206 - as above


def _open_checked(root: str, path: str) -> Opened:
    """Open a path where systems cannot walk; whoever swaps links there meanwhile has to be quicker than two looks."""
    opened = open_path(path)
    real = os.path.realpath(path)
    _below(root, real)
    if not os.path.samestat(os.lstat(real), opened.found):
        raise FileNotFoundError(errno.ENOENT, "it was replaced", path)
    return opened
