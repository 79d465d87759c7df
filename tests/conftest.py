"""Fixtures and rules for the whole suite."""

import signal

import pytest


def pytest_configure() -> None:
    """Let servers be interrupted: what a shell starts in the background ignores SIGINT, and so would its children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a test of real processes a second try, which the closing summary shows as rerun.

    A browser or a server of somebody else's may miss a deadline on a machine that is busy with other work. What is in
    process has no such excuse: it has to pass the first time.
    """
    for item in items:
        if item.get_closest_marker("server") or item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))
