"""`log_config` and `log_format`: how what is logged is written in each process of `hinge run`.

Law: what the file says holds, and what it does not name goes on: loggers that there are stay enabled unless it says
`disable_existing_loggers`, and the server's hand what they log to the file's root. What is wrong is told in a line.
Without a file, what the app configures after that holds.
"""

import configparser
import json
import logging
import logging.config
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hinge.cli.errors import UserError
from hinge.config import Config
from hinge.extras import install

_SERVERS = ("_granian", "granian.access", "hinge.access")
"""Granian's loggers, and the access log, which is ours and goes to the handlers of Granian's."""


def configure_log(config: Config) -> None:
    """Configure logging as the settings say.

    Raises:
        UserError: the file cannot be read, or is no configuration of logging.
    """
    path = config.log_config
    if path is None:
        if config.log_format == "json":
            _write_json(config.log_level)
        return
    parse = _PARSERS.get(Path(path).suffix.lower())
    if parse is None:
        raise UserError(f"log_config {path}: its name tells no format. Fix: one of {', '.join(_PARSERS)}")
    try:
        named = parse(Path(path).read_text("utf-8"))
    except UserError:
        raise
    except OSError as error:
        raise UserError(f"log_config {path}: {error.strerror or error}") from error
    except Exception as error:  # handlers and formatters are anybody's classes
        raise UserError(f"log_config {path}: {_told(error)}") from error
    for logger in (logging.getLogger(name) for name in _SERVERS if name not in named):
        logger.disabled = False
        if logging.getLogger().handlers:
            logger.handlers.clear()
            logger.propagate = True


def _write_json(level: str) -> None:
    """Have all loggers write JSON, the root's to stderr."""
    from hinge.observability.json_log import JSONFormatter

    formatter, root = JSONFormatter(), logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.StreamHandler())
        root.setLevel(level.upper())
    for logger in (root, *(logging.getLogger(name) for name in _SERVERS)):
        for handler in logger.handlers:
            handler.setFormatter(formatter)


def _told(error: BaseException) -> str:
    """Return what logging says, and why: it wraps the reason."""
    cause = error.__cause__
    said = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, KeyError):
        said = f"there is no {said}"
    return said if cause is None else f"{said}: {_told(cause)}"


def _from_dictionary(document: Any) -> set[str]:
    """Configure logging and return the names of the loggers that the document has."""
    if not isinstance(document, dict):
        raise TypeError("it is no mapping. Fix: what logging.config.dictConfig takes")
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False} | document)
    return set(document.get("loggers", ()))


def _from_ini(text: str) -> set[str]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text)
    logging.config.fileConfig(parser, disable_existing_loggers=False)
    return {section["qualname"] for section in parser.values() if "qualname" in section}


def _yaml(text: str) -> Any:
    import msgspec

    try:
        return msgspec.yaml.decode(text)
    except ImportError:
        raise UserError(f"log_config: YAML needs the package pyyaml. Fix: {install('yaml')}") from None


def _reading(load: Callable[[str], Any]) -> Callable[[str], set[str]]:
    return lambda text: _from_dictionary(load(text))


_PARSERS: dict[str, Callable[[str], set[str]]] = {
    ".json": _reading(json.loads),
    ".toml": _reading(tomllib.loads),
    ".yaml": _reading(_yaml),
    ".yml": _reading(_yaml),
    ".ini": _from_ini,
    ".conf": _from_ini,
}
"""What configures logging by a text and returns the loggers that it names, by the end of a file's name."""
