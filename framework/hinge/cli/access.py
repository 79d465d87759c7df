"""Where the access log of `hinge run` goes, and what else is logged in its workers.

Law: a request is one line, and no client writes another (`hinge.observability.AccessLog`, on each backend). The lines
go where Granian's own would: to stdout, or as `log_config` and the app say.
"""

import logging
import sys

from hinge.config import Config
from hinge.diagnostics.log import NeutralFormatter, neutralise
from hinge.observability.json_log import JSONFormatter
from hinge.responses.streaming import StreamAborted


def open_access_log(config: Config) -> None:
    """Have the access log written, as long as nobody else has said how."""
    if not config.access_log:
        return
    log, server = logging.getLogger("hinge.access"), logging.getLogger("granian.access")
    if log.level == logging.NOTSET:
        log.setLevel(logging.INFO)
    if log.handlers or (config.log_config is not None and not server.handlers):  # the app's, or those of the root
        return
    log.propagate = False
    for handler in server.handlers or [logging.StreamHandler(sys.stdout)]:
        if config.log_format == "json":
            handler.setFormatter(JSONFormatter())
        elif config.log_config is None:
            handler.setFormatter(logging.Formatter("[%(asctime)s] %(message)s", "%Y-%m-%d %H:%M:%S %z"))
        log.addHandler(handler)


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
    for name in ("_granian", "granian.access", "hinge.access"):
        logging.getLogger(name).disabled = False
