"""The access log of `hinge run`, and what else is logged in its workers.

Law: a request is one line, and no client writes another. Granian logs the path decoded, line feeds and escape sequences
included; here it is percent-encoded again, as it was in the request line.
"""

import logging
from urllib.parse import quote

from hinge.diagnostics.log import NeutralFormatter, neutralise
from hinge.responses.streaming import StreamAborted

_OF_THE_CLIENT = ("method", "path", "query_string")
"""The values of a log line that a client chooses; the query string comes undecoded."""
_SAFE = "/:@!$&'()*+,;=-._~"
"""What a path may contain as it is (RFC 3986 section 3.3); everything else but letters and digits is encoded."""


def encode_access_log(charset: str) -> None:
    """Have Granian's access log, in this process, encode what clients choose; the server decoded it by `charset`."""

    def encode(record: logging.LogRecord) -> bool:
        if isinstance(record.args, dict):
            chosen = {name: value for name, value in record.args.items() if name in _OF_THE_CLIENT}
            record.args = record.args | {
                name: quote(str(value), _SAFE if name == "path" else _SAFE + "%?", charset, "replace")
                for name, value in chosen.items()
            }
        return True

    logging.getLogger("granian.access").addFilter(encode)


def neutralise_log() -> None:
    """Have no client's text forge a line of Granian's log, or of what an app logs that has configured no logging.

    Nor does Granian tell again, with a traceback of its caller, of a stream that was cut.
    """
    logging.getLogger("_granian.utils").addFilter(_is_news)
    logging.getLogger("_granian").addFilter(neutralise)
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(NeutralFormatter())


def _is_news(record: logging.LogRecord) -> bool:
    """Tell whether a record says more than that a stream was cut: why it was is in the log already."""
    return not str(record.msg).rstrip().rpartition("\n")[2].startswith(f"{StreamAborted.__name__}: ")


def enable_log() -> None:
    """Enable Granian's loggers again."""
    for name in ("_granian", "granian.access"):
        logging.getLogger(name).disabled = False
