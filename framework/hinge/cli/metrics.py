"""The folder in which the workers of `hinge run` share their metrics, and the port at which all are shown.

Law: what one worker answers is the sum of all. The folder is there before prometheus_client is imported anywhere, since
that decides then, and is gone when the service is; one that the environment names is somebody else's, and stays.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from hinge.cli.address import claim_address
from hinge.cli.errors import UserError
from hinge.cli.preflight import Launch
from hinge.config import Config

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def shared_metrics(launch: Launch) -> Iterator[None]:
    """Have workers that are started in this block share their metrics, if the app has some, and show them.

    Raises:
        UserError: `metrics_port` is set, and there are none, or the port cannot be listened on.
    """
    if not launch.has_metrics and launch.config.metrics_port is not None:
        fix = "app.observe(Metrics(path=None)), of hinge.observability"
        raise UserError(f"metrics_port: {launch.target} counts nothing. Fix: {fix}")
    with _folder(launch), _port(launch.config):
        yield


@contextmanager
def _port(config: Config) -> Iterator[None]:
    if config.metrics_port is None:
        yield
        return
    from hinge.observability.metrics import serve  # now: what it imports looks for the folder

    address, port, _ = claim_address(config.metrics_host, config.metrics_port)
    close = serve(address, port)
    try:
        yield
    finally:
        close()


@contextmanager
def _folder(launch: Launch) -> Iterator[None]:
    if not launch.has_metrics or os.environ.get(_FOLDER):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="hinge-metrics-", ignore_cleanup_errors=True) as folder:
        os.environ[_FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[_FOLDER]
