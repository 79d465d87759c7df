"""Whether a suspended generator would catch what is thrown in at its yield.

Law: a middleware whose `yield` stands in a `try` or `with` gets a failure thrown in; any other gets the response that
the failure became, so that `response = yield; response.headers[...] = ...` holds for errors too. Which of the two it is
stands in the code object's exception table (CPython's InternalDocs/exception_handling.md); it is read on failure only,
and remembered: the yields stand in the program, however many requests fail at them.
"""

import dis
from collections.abc import Iterator
from inspect import CO_ASYNC_GENERATOR, CO_GENERATOR
from types import CodeType, FrameType, FunctionType
from typing import Any

# What an `except`, a `finally` or a `with` begins with. The other entries of a table are the compiler's own: they
# restore the state behind an `except` clause, and convert a stray StopIteration (PEP 479).
_WRITTEN = dis.opmap["PUSH_EXC_INFO"]
_DELEGATES = dis.opmap["GET_YIELD_FROM_ITER"]
_MAX_KNOWN = 1024

# By the code's id and not the code, whose hash is made of all that it holds; the code is kept, so that no other has it.
_known: dict[tuple[int, int], tuple[CodeType, bool]] = {}


def is_guarded(generator: Any) -> bool:
    """Tell whether the yield at which a generator or async generator is suspended lies in a try or with.

    With `yield from` that is the yield of the generator delegated to, which lies in the tries around both.
    """
    while generator is not None:
        frame: FrameType | None = getattr(generator, "gi_frame", None) or getattr(generator, "ag_frame", None)
        if frame is None:
            return False
        code, offset = frame.f_code, frame.f_lasti
        known = _known.get((id(code), offset))
        if known is None:
            if len(_known) >= _MAX_KNOWN:  # of a program that makes functions as it runs
                _known.clear()
            known = _known[id(code), offset] = code, _is_in_try(code, offset)
        if known[1]:
            return True
        generator = getattr(generator, "gi_yieldfrom", None)
    return False


def may_be_guarded(middleware: Any) -> bool:
    """Tell whether a yield of what was written as a middleware may be guarded: False only if surely none is."""
    function = getattr(middleware, "__func__", middleware)
    if not isinstance(function, FunctionType):
        function = vars(type(function)).get("__call__")
    if not isinstance(function, FunctionType):
        return True
    code = function.__code__
    if not code.co_flags & (CO_GENERATOR | CO_ASYNC_GENERATOR):
        return True  # it returns the generator of another function
    return any(one.opcode in (_WRITTEN, _DELEGATES) for one in dis.get_instructions(code))


def _is_in_try(code: CodeType, offset: int) -> bool:
    """Tell whether an exception at a byte offset would come to a handler that somebody wrote."""
    entries = list(_entries(code))
    for _ in entries:
        # The table names the innermost handler only; the one around it is the handler of that handler's own code.
        handler = next((target for start, end, target in entries if start <= offset < end), None)
        if handler is None:
            return False
        if code.co_code[handler] == _WRITTEN:
            return True
        offset = handler
    return False


def _entries(code: CodeType) -> Iterator[tuple[int, int, int]]:
    """Yield (start, end, handler) byte offsets of the exception table, whose numbers are big-endian sextets."""
    numbers = _sextets(iter(code.co_exceptiontable))
    for start in numbers:
        length, target, _depth_and_lasti = next(numbers), next(numbers), next(numbers)
        yield start * 2, (start + length) * 2, target * 2


def _sextets(data: Iterator[int]) -> Iterator[int]:
    for byte in data:
        value = byte & 63
        while byte & 64:
            byte = next(data)  # noqa: PLW2901 - the number goes on in the next byte
            value = value << 6 | (byte & 63)
        yield value
