"""Where the user wrote something: `file:line`, for every message that sends somebody there.

Law: a location is taken once, at declaration, and never in the request path.
"""

import functools
import inspect
import os
import sys
from functools import partial
from types import CodeType, FrameType, MethodType
from typing import Any

_PASSED_OVER = (__file__.rpartition("diagnostics")[0], functools.__file__)
"""Whose frames are not the user's: the framework's, and the one of its cached properties."""


UNKNOWN = "unknown file:0"


def unwrap(function: Any) -> Any:
    """Return the function the user wrote under partials, methods, decorators and callable objects."""
    while True:
        if isinstance(function, partial):
            function = function.func
        elif isinstance(function, MethodType | staticmethod | classmethod):
            function = function.__func__
        elif (inner := getattr(function, "__wrapped__", None)) is not None:
            function = inner
        elif hasattr(function, "__code__") or isinstance(function, type):
            return function
        elif hasattr(call := getattr(type(function), "__call__", None), "__code__"):  # noqa: B004 - the function itself
            return call
        else:
            return function


def qualified_name(function: Any) -> str:
    """Return `module.name` of a function, or of a callable object's class."""
    while isinstance(function, partial):
        function = function.func
    plain = function if hasattr(function, "__qualname__") else type(function)
    module = "" if plain.__module__ is None else f"{plain.__module__}."  # as that of a built-in method is
    return f"{module}{plain.__qualname__.replace('<locals>.', '')}"


def locate(function: Any) -> str:
    """Return `file:line` of a definition, relative to the working directory where it lies below it.

    Of a function that the framework makes, that is where somebody asked for it (`__declared_at__`).
    """
    if isinstance(place := getattr(function, "__declared_at__", None), str):
        return place
    plain = unwrap(function)
    code: CodeType | None = getattr(plain, "__code__", None)
    if code is not None:
        return f"{shorten(code.co_filename)}:{code.co_firstlineno}"
    try:
        return f"{shorten(inspect.getfile(plain))}:{inspect.getsourcelines(plain)[1]}"
    except (TypeError, OSError):
        return UNKNOWN


def placed(function: Any) -> str:
    """Return `module.name (file:line)` of a function, without the place of one that is not written in Python."""
    where = locate(function)
    return qualified_name(function) + ("" if where == UNKNOWN else f" ({where})")


def caller() -> str:
    """Return `file:line` of the nearest frame outside the framework: the line the user wrote."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PASSED_OVER):
        frame = frame.f_back
    if frame is None:
        return UNKNOWN
    return f"{shorten(frame.f_code.co_filename)}:{frame.f_lineno}"


def raised_at(error: BaseException, package: str) -> str | None:
    """Return `file:line` of the innermost frame in a package that an exception went through, None if in none."""
    place, frames = None, error.__traceback__
    if isinstance(error, SyntaxError) and error.filename:
        place = f"{shorten(error.filename)}:{error.lineno}"  # it has no frame of its own
    while frames is not None:
        code, module = frames.tb_frame.f_code, str(frames.tb_frame.f_globals.get("__name__"))
        if module.partition(".")[0] == package:
            place = f"{shorten(code.co_filename)}:{frames.tb_lineno}"
        frames = frames.tb_next
    return place


def shorten(filename: str) -> str:
    """Return a file name relative to the working directory if it lies below it."""
    try:
        return filename.removeprefix(os.path.join(os.getcwd(), ""))  # noqa: PTH109, PTH118 - for every route
    except OSError:  # it is gone
        return filename
