"""Where the user wrote something: `file:line`, for every message that sends somebody there.

Law: a location is taken once, at declaration, and never in the request path.
"""

import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

_PACKAGE = str(Path(__file__).parent) + os.sep


def unwrap(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function the user wrote under partials, methods, decorators and callable objects."""
    while True:
        inner = getattr(function, "func", None) or getattr(function, "__func__", None)
        inner = inner or getattr(function, "__wrapped__", None)
        if inner is None:
            break
        function = inner
    if not hasattr(function, "__code__") and not inspect.isclass(function):
        call = getattr(type(function), "__call__", None)  # noqa: B004 - the function itself is wanted
        if hasattr(call, "__code__"):
            return call  # type: ignore[no-any-return]
    return function


def qualified_name(function: Callable[..., Any]) -> str:
    """Return `module.name` of a function, or of a callable object's class."""
    plain = function if hasattr(function, "__qualname__") else getattr(function, "func", type(function))
    name = getattr(plain, "__qualname__", repr(plain)).replace("<locals>.", "")
    return f"{getattr(plain, '__module__', '?')}.{name}"


def locate(function: Callable[..., Any]) -> str:
    """Return `file:line` of a function's definition, relative to the working directory where it lies below it."""
    code: CodeType | None = getattr(unwrap(function), "__code__", None)
    if code is None:
        return "unknown file:0"
    return f"{shorten(code.co_filename)}:{code.co_firstlineno}"


def caller() -> str:
    """Return `file:line` of the nearest frame outside the framework: the line the user wrote."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    if frame is None:
        return "unknown file:0"
    return f"{shorten(frame.f_code.co_filename)}:{frame.f_lineno}"


def shorten(filename: str) -> str:
    """Return a file name relative to the working directory if it lies below it."""
    try:
        return str(Path(filename).relative_to(Path.cwd()))
    except (ValueError, OSError):
        return filename
