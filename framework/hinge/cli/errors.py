"""How the command line fails.

Law: the user's mistakes in calling us are told in a line or two; exceptions of the user's own code keep their
traceback, without our frames above it.
"""

import os
import sysconfig
import traceback
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import click

from hinge.backend.installed import own_packages
from hinge.diagnostics.location import shorten
from hinge.errors import ConfigurationError

_INSTALLED = ("<frozen", *(sysconfig.get_path(name) + os.sep for name in ("stdlib", "purelib", "platlib")))


class UserError(click.ClickException):
    """A mistake in the command, the configuration or the target."""

    exit_code = 2


class CheckFailed(click.ClickException):
    """The app was found and loaded, but cannot be served as asked."""

    exit_code = 1


class UserCodeError(click.ClickException):
    """The user's module raised while it was loaded."""

    exit_code = 1

    def __init__(self, what: str, error: BaseException) -> None:
        super().__init__(what)
        self.error = error

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the traceback from the user's first frame on, then what failed."""
        click.echo(users_traceback(self.error), file=file, err=True, nl=False)
        super().show(file)


def users_frames(error: BaseException) -> TracebackType | None:
    """Return the part of an exception's traceback that starts in the user's code, None if that took no part."""
    frames = error.__traceback__
    while frames is not None and not _is_users(frames):
        frames = frames.tb_next
    return frames


def users_line(error: BaseException) -> tuple[str, int] | None:
    """Return the file and line in the user's code that is nearest to the raise."""
    place, frames = None, error.__traceback__
    while frames is not None:
        if _is_users(frames):
            place = (frames.tb_frame.f_code.co_filename, frames.tb_lineno)
        frames = frames.tb_next
    return place


def _is_users(frames: TracebackType) -> bool:
    frame = frames.tb_frame
    package = str(frame.f_globals.get("__name__")).partition(".")[0]
    # Frames of the framework lead to the user's code, and are none of it.
    is_ours = package == "hinge" or package in own_packages()
    return not is_ours and not frame.f_code.co_filename.startswith(_INSTALLED)


def users_traceback(error: BaseException) -> str:
    """Return the text of an exception's traceback, without the frames that lead to the user's code."""
    frames = users_frames(error)
    if frames is None and not isinstance(error, SyntaxError):  # whose text names the place by itself
        frames = error.__traceback__
    return "".join(traceback.format_exception(type(error), error, frames))


def told(error: BaseException) -> str:
    """Return what is said of a failure: a mistake's line, or the traceback of the user's own code."""
    if isinstance(error, UserCodeError):
        return users_traceback(error.error)
    if isinstance(error, click.ClickException):
        return f"Error: {error.format_message()}\n"
    return f"Error: {error}\n" if isinstance(error, ConfigurationError) else users_traceback(error)


def place_of(error: BaseException) -> str:
    """Return `file:line: ` of the line in the user's code that is nearest to the raise."""
    place = users_line(error)
    return "" if place is None else f"{shorten(place[0])}:{place[1]}: "


def declared_at(error: ConfigurationError | AttributeError) -> str:
    """Return the message with the user's line, unless it names that file already."""
    text, place = str(error), users_line(error)
    if place is None or Path(place[0]).name in text:
        return text
    return place_of(error) + text
