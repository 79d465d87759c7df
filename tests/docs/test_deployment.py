"""The files of docs/deployment.md and docs/deploy/nginx.md that nothing runs here say what Hinge does."""

import configparser
import shlex
from pathlib import PurePosixPath

import pytest
from tests.docs.pages import ROOT, blocks_of

from hinge.cli.new import _TEMPLATES
from hinge.config import Config, resolve_config

PAGES = [ROOT / "docs" / name for name in ("deploy/nginx.md", "deployment.md")]
FILES = {block.notes["file"]: block.text for page in PAGES for block in blocks_of(page) if "file" in block.notes}


@pytest.fixture
def service() -> configparser.SectionProxy:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str
    unit.read_string(FILES["shop.service"])
    return unit["Service"]


def test_the_unit_sets_what_there_is(service: configparser.SectionProxy) -> None:
    environ = dict(pair.split("=", 1) for pair in shlex.split(service["Environment"]))
    config = resolve_config(None, environ=environ, directory="/")
    assert config.trusted_proxies == ["unix"]
    assert PurePosixPath(config.uds).parent == PurePosixPath("/run", service["RuntimeDirectory"])
    assert int(config.uds_mode, 8) & 0o070 == 0o060  # its group is nginx's
    # systemd must not kill before Hinge has ended by itself.
    assert float(service["TimeoutStopSec"]) >= config.drain_delay + config.graceful_timeout + 5
    assert service["KillMode"] == "mixed"  # SIGTERM for the main process alone, which stops its workers


def test_the_containerfile_is_that_of_new_projects() -> None:
    text = FILES["Containerfile"]
    assert text == (_TEMPLATES / "Containerfile.txt").read_text("utf-8")
    delay = float(text.partition('"--drain-delay", "')[2].partition('"')[0])
    assert 10 < delay + Config().graceful_timeout < 15  # what the page says of docker stop


def test_nginx_writes_every_header_that_is_believed() -> None:
    for name in ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"):
        assert f"proxy_set_header {name} " in FILES["nginx.conf"]
