"""`log_config`: what is wrong in the file is a line, whoever reads it."""

import json
import logging
from pathlib import Path

import pytest

from hinge.cli.errors import UserError
from hinge.cli.log_config import configure_log
from hinge.config import Config

WRONG = [
    ("none.json", None, "No such file or directory"),
    ("log.txt", "", "its name tells no format. Fix: one of .json, .toml"),
    ("log", "", "its name tells no format"),
    ("log.json", "{", "Expecting property name"),
    ("log.json", "[]", "it is no mapping. Fix: what logging.config.dictConfig takes"),
    ("log.json", '{"version": 2}', "Unsupported version: 2"),
    ("log.toml", "version = ", "Invalid value (at end of document)"),
    ("log.yaml", "a: [", "did not find expected node content"),
    ("log.yml", "5", "it is no mapping"),
    ("log.ini", "[loggers]\nkeys=root\n", "there is no 'formatters'"),
    ("log.conf", "nothing", "File contains no section headers"),
    (
        "log.json",
        json.dumps({"handlers": {"it": {"class": "not_there.Handler"}}}),
        "Unable to configure handler 'it': Cannot resolve 'not_there.Handler': No module named 'not_there'",
    ),
    (
        "log.toml",
        "[handlers.it]\nclass = 'logging.FileHandler'\nfilename = 'no/where.log'\n",
        "Unable to configure handler 'it': [Errno 2]",
    ),
]


@pytest.fixture
def untouched():
    """Have the test's logging as it was: pytest's handlers live in the registry that a configuration clears."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    registry = dict(logging._handlers)
    yield
    root.handlers[:], root.level = handlers, level
    logging._handlers.update(registry)


@pytest.mark.parametrize(("name", "text", "said"), WRONG)
def test_what_is_wrong_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, untouched: None, name: str, text: str | None, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(UserError) as caught:
        configure_log(Config(log_config=name))
    message = caught.value.format_message()
    assert message.startswith(f"log_config {name}: ")
    assert said in message
    assert "\n" not in message
