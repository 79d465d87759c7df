"""Whether a suspended generator would catch what is thrown in at its yield.

Law: a middleware whose `yield` stands in a `try` or `with` gets a failure thrown in; any other gets the response that the
failure became, so that `response = yield; response.headers[...] = ...` holds for errors too. Which of the two it is stands
in the code object's exception table (CPython's InternalDocs/exception_handling.md); it is read on failure only.
"""

import dis
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any


def is_guarded(generator: Any) -> bool:
    """Tell whether the yield at which a generator or async generator is suspended lies in a try or with."""
    frame: FrameType | None = getattr(generator, "gi_frame", None) or getattr(generator, "ag_frame", None)
    if frame is None:
        return False
    handlers = [target for start, end, target in _entries(frame.f_code) if start <= frame.f_lasti < end]
    return any(not _is_implicit(frame.f_code, target) for target in handlers)


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


def _is_implicit(code: CodeType, target: int) -> bool:
    """Tell whether a handler is the one that CPython 3.12+ puts around every generator (PEP 479's conversion)."""
    opcode = code.co_code[target]
    return dis.opname[opcode] == "CALL_INTRINSIC_1" and code.co_code[target + 1] == _STOPITERATION_ERROR


_STOPITERATION_ERROR = 3
