"""The folder in which the workers of `hinge run` share their metrics.

Law: what one worker answers is the sum of all. The folder is there before prometheus_client is imported anywhere, since
that decides then, and is gone when the service is; one that the environment names is somebody else's, and stays.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from hinge.cli.preflight import Launch

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


@contextmanager
def shared_metrics(launch: Launch) -> Iterator[None]:
    """Have workers that are started in this block share their metrics, if the app has some."""
    if not launch.has_metrics or os.environ.get(_FOLDER):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="hinge-metrics-", ignore_cleanup_errors=True) as folder:
        os.environ[_FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[_FOLDER]
