"""What stands in front of an app besides Python's own servers: nginx and Apache, as docs/deploy configures them.

Law: a configuration is the page's, with this run's places and ports put in. Their workers run as a user of their own
where that is possible, so whatever they need lies in a folder that everybody may read.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from tests.docs.pages import ROOT, blocks_of
from tests.support.ports import accepts
from tests.support.waiting import PATIENCE, until

from hinge.extras import DISTRIBUTION

USER = "www-data"
"""Whom nginx and Apache of Debian run as."""
_PLACES = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_TEMPORARY = "".join(f"    {name}_temp_path {{folder}}/{name};\n" for name in _PLACES)

Front = Callable[[int, str, Path], contextlib.AbstractContextManager[None]]
"""From the port to listen on, the address behind it, and a folder, to a proxy that runs for the length of a block."""


def page_file(page: str, name: str) -> str:
    """Return a file that a page of docs/deploy shows."""
    (found,) = (block.text for block in blocks_of(ROOT / "docs/deploy" / page) if block.notes.get("file") == name)
    return found


def may_change_user() -> bool:
    """Tell whether servers started from here change to their own user."""
    if os.name != "posix" or os.geteuid() != 0:
        return False
    import pwd

    with contextlib.suppress(KeyError):
        return bool(pwd.getpwnam(USER))
    return False


def program(name: str) -> str:
    """Return where a program is; skips where it is not installed, or fails where it has to be."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        reason = f"{name} is not installed"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return found


def public_folder() -> Path:
    """Make a folder that everybody may search, which pytest's are not."""
    folder = Path(tempfile.mkdtemp(prefix="hinge-"))
    folder.chmod(0o755)
    return folder


# -- nginx -------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def nginx(config: str, port: int, folder: Path, *directives: str) -> Iterator[None]:
    """Run nginx with a configuration that listens on a loopback port."""
    main = ["daemon off", f"pid {folder}/nginx.pid", "error_log stderr", *directives]
    file, log = folder / "nginx.conf", folder / "nginx.log"
    head = "".join(f"{line};\n" for line in main)
    places = _TEMPORARY.replace("{folder}", str(folder))
    file.write_text(head + config.replace("http {\n", f"http {{\n    access_log off;\n{places}", 1))
    with log.open("wb") as output:
        process = subprocess.Popen([program("nginx"), "-p", str(folder), "-c", str(file)], stderr=output)
    try:
        until(lambda: process.poll() is not None or accepts(port), "nginx listens", log.read_text)
        if process.poll() is not None:
            raise RuntimeError(log.read_text())
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def page_nginx(port: int, behind: str, folder: Path, *, at_once: bool) -> contextlib.AbstractContextManager[None]:
    """Run nginx as docs/deploy/nginx.md has it; `at_once` is what it says of streams."""
    config = page_file("nginx.md", "nginx.conf").replace("unix:/run/shop/shop.sock", behind)
    if at_once:
        config = config.replace("proxy_pass", page_file("nginx.md", "at-once.conf") + "proxy_pass")
    return _as_its_user(config.replace("8080", f"127.0.0.1:{port}"), port, folder)


def nginx_buffering(port: int, behind: str, folder: Path) -> contextlib.AbstractContextManager[None]:
    """Run it as the page begins: what passes through is collected first."""
    return page_nginx(port, behind, folder, at_once=False)


def nginx_at_once(port: int, behind: str, folder: Path) -> contextlib.AbstractContextManager[None]:
    """Run it so that nothing is collected."""
    return page_nginx(port, behind, folder, at_once=True)


def nginx_uwsgi(port: int, behind: str, folder: Path) -> contextlib.AbstractContextManager[None]:
    """Run it in front of uWSGI's own protocol (docs/deploy/uwsgi.md)."""
    location = page_file("uwsgi.md", "location.conf").replace("unix:/run/shop/shop.sock", behind)
    location = location.replace("uwsgi_pass", page_file("uwsgi.md", "at-once.conf") + "uwsgi_pass")
    server = f"listen 127.0.0.1:{port};\nclient_max_body_size 10m;\n{location}"
    return _as_its_user(f"events {{}}\nhttp {{\nserver {{\n{server}}}\n}}\n", port, folder)


def _as_its_user(config: str, port: int, folder: Path) -> contextlib.AbstractContextManager[None]:
    return nginx(config, port, folder, *([f"user {USER}"] if may_change_user() else []))


# -- uWSGI -------------------------------------------------------------------------------------------------------------


def uwsgi_ini(folder: Path, target: str, processes: int = 1) -> Path:
    """Write the file of docs/deploy/uwsgi.md for a target into a folder."""
    text = page_file("uwsgi.md", "uwsgi.ini").replace("/run/shop", str(folder)).replace("shop:app", target)
    text = text.replace("processes = 2", f"processes = {processes}")
    file = folder / "uwsgi.ini"
    file.write_text(text)
    return file


# -- Apache ------------------------------------------------------------------------------------------------------------

_MODULES = Path("/usr/lib/apache2/modules")
_COPIED = ("anyio", "idna", "msgspec", "typing_extensions.py", "sniffio", "multipart.py", "multipart", "itsdangerous")
_DISTRIBUTION_PYTHON = "/usr/bin/python3"

_APACHE = """\
ServerRoot {folder}
ServerName localhost
PidFile {folder}/apache.pid
Mutex pthread
DefaultRuntimeDir {folder}
ErrorLog /dev/stderr
LogLevel warn
Listen 127.0.0.1:{port}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so
WSGISocketPrefix {folder}/wsgi
{user}StartServers 1
ServerLimit 1
ThreadsPerChild 25
MaxRequestWorkers 25
MinSpareThreads 1
MaxSpareThreads 25
ThreadLimit 25
"""
"""What Debian's apache2.conf and its modules' files say, as far as it is needed."""


def has_mod_wsgi() -> bool:
    """Tell whether mod_wsgi is there, and of this Python's version: it loads the same extension modules."""
    return (_MODULES / "mod_wsgi.so-{}.{}".format(*sys.version_info)).exists()


def apache(conf: str, processes: int = 1) -> Callable[[int, str, Path], list[str]]:
    """Return what starts Apache with a file of docs/deploy/apache.md, on a port, for a target, in a folder."""

    def arguments(port: int, target: str, folder: Path) -> list[str]:
        site = _site(folder, target)
        text = page_file("apache.md", conf).replace("/srv/shop", str(site))
        text = text.replace("processes=2", f"processes={processes}")
        user = f"User {USER}\nGroup {USER}\n" if may_change_user() else ""
        file = folder / "apache.conf"
        file.write_text(_APACHE.format(folder=folder, port=port, modules=_MODULES, user=user) + text)
        return [program("apache2"), "-f", str(file), "-D", "FOREGROUND"]

    return arguments


def _site(folder: Path, target: str) -> Path:
    """Make the page's /srv/shop: the app, its environment of the distribution's Python, and the WSGI script."""
    module, _, attribute = target.partition(":")
    site = folder / "site"
    site.mkdir()
    subprocess.run([_DISTRIBUTION_PYTHON, "-m", "venv", "--without-pip", site / ".venv"], check=True)
    (packages,) = (site / ".venv/lib").glob("python*/site-packages")
    installed = Path(pytest.__file__).parents[1]
    metadata: Any = distribution(DISTRIBUTION)  # backends are found by its entry points
    shutil.copytree(metadata._path, packages / metadata._path.name)
    sources = [installed / name for name in _COPIED] + [
        ROOT / "framework/hinge",
        *(ROOT / "backends").glob("hinge_?sgi"),
    ]
    for source in filter(Path.exists, sources):
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, packages / source.name)
    for path in (ROOT / "tests/servers").glob("*.py"):
        shutil.copy(path, site)
    script = page_file("apache.md", "shop.wsgi").replace(
        "from shop import app as", f"from {module} import {attribute} as"
    )
    (site / "shop.wsgi").write_text(script)
    return site
