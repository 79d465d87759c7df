"""Content codings: gzip of the standard library, Brotli and Zstandard where their packages are installed.

Law: an encoder takes bytes and gives bytes, and never keeps back what was flushed.
"""

import zlib
from collections.abc import Callable
from typing import Any, Protocol

from hinge.diagnostics.location import caller
from hinge.errors import ConfigurationError
from hinge.extras import install


class Encoder(Protocol):
    """One body on its way through a coding."""

    def add(self, data: bytes, /) -> bytes:
        """Return what can be sent after taking `data`; some may be kept for later."""
        ...

    def flush(self) -> bytes:
        """Return what was kept, so that the receiver can decode all that was added."""
        ...

    def finish(self) -> bytes:
        """Return the rest and the end mark."""
        ...


class _Gzip:
    """RFC 1952. The header holds no time: equal bodies have equal codings."""

    __slots__ = ("_encoder",)

    def __init__(self, level: int) -> None:
        self._encoder = zlib.compressobj(level, zlib.DEFLATED, 16 + zlib.MAX_WBITS)

    def add(self, data: bytes) -> bytes:
        return self._encoder.compress(data)

    def flush(self) -> bytes:
        return self._encoder.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._encoder.flush(zlib.Z_FINISH)


def _gzip() -> Callable[[int], Encoder]:
    return _Gzip


def _brotli() -> Callable[[int], Encoder]:
    import brotli  # noqa: PLC0415 - an extra

    class Brotli:
        """RFC 7932."""

        __slots__ = ("_encoder",)

        def __init__(self, level: int) -> None:
            self._encoder: Any = brotli.Compressor(quality=level)

        def add(self, data: bytes) -> bytes:
            return bytes(self._encoder.process(data))

        def flush(self) -> bytes:
            return bytes(self._encoder.flush())

        def finish(self) -> bytes:
            return bytes(self._encoder.finish())

    return Brotli


def _zstandard() -> Callable[[int], Encoder]:
    import zstandard  # noqa: PLC0415 - an extra

    class Zstandard:
        """RFC 8878; the window stays within the 8 MiB that RFC 9659 allows on the web."""

        __slots__ = ("_encoder",)

        def __init__(self, level: int) -> None:
            parameters = zstandard.ZstdCompressionParameters.from_level(level, window_log=min(23, 17 + level))
            self._encoder: Any = zstandard.ZstdCompressor(compression_params=parameters).compressobj()

        def add(self, data: bytes) -> bytes:
            return bytes(self._encoder.compress(data))

        def flush(self) -> bytes:
            return bytes(self._encoder.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))

        def finish(self) -> bytes:
            return bytes(self._encoder.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH))

    return Zstandard


_KNOWN: dict[str, tuple[Callable[[], Callable[[int], Encoder]], str, range, int]] = {
    "zstd": (_zstandard, "zstandard", range(1, 20), 3),
    "br": (_brotli, "brotli", range(12), 4),
    "gzip": (_gzip, "", range(1, 10), 6),
}
"""By the coding's registered name: how to load it, its package, its levels, and the level for what is made anew for
each request; the best ratios of Brotli and Zstandard take a hundred times as long."""


def load_coding(name: str, level: int | None = None) -> Callable[[], Encoder]:
    """Return what makes an encoder of a coding.

    Raises:
        ConfigurationError: no such coding, its package is not installed, or it has no such level.
    """
    if name not in _KNOWN:
        raise ConfigurationError(
            f"Compression ({caller()}): no content coding {name!r} is known. Fix: choose among {', '.join(_KNOWN)}"
        )
    load, package, levels, default = _KNOWN[name]
    level = default if level is None else level
    if isinstance(level, bool) or level not in levels:
        known = f"{levels[0]} to {levels[-1]}"
        raise ConfigurationError(
            f"Compression ({caller()}): coding {name!r} has the levels {known}, not {level!r}. Fix: use one of them"
        )
    try:
        kind = load()
    except ImportError as error:
        raise ConfigurationError(
            f"coding {name!r} needs the package {package}. Fix: {install('compression')}"
        ) from error
    return lambda: kind(level)


def installed_codings() -> tuple[str, ...]:
    """Return the names of the codings that can be used here, the one to prefer first."""
    found = []
    for name, (load, *_) in _KNOWN.items():
        try:
            load()
        except ImportError:
            continue
        found.append(name)
    return tuple(found)
