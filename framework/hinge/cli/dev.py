"""`hinge dev`: `hinge run` for whoever writes the app.

Law: it is `hinge run` with other settings to begin with, and every flag of it. What shows the causes of failures is for
this machine alone, unless both are asked for.
"""

from ipaddress import ip_address
from typing import Any

import click

from hinge.cli.errors import UserError
from hinge.cli.run import launch_and_serve, settings
from hinge.cli.target import targeted

_DEVELOPING = {"reload": True, "debug": True, "access_log": True, "host": "127.0.0.1", "uds": "", "workers": "1"}
"""The settings that somebody who develops begins with, whatever is set for production."""


@click.command("dev")
@targeted
@settings
def command(target: str, *, factory: bool, **given: Any) -> None:
    """Serve TARGET while it is written: on 127.0.0.1, restarted when it changes, failures shown, requests logged.

    Every flag of `hinge run` is one here, and is stronger.
    """
    flags = {key: value for key, value in given.items() if value is not None}
    host = flags.get("host", "localhost")
    if "debug" not in flags and not _is_loopback(host):
        raise UserError(
            f"--host {host} is open to others, and hinge dev shows them the cause of each failure. "
            f"Fix: --no-debug, or --debug if they may see it"
        )
    launch_and_serve(target, _DEVELOPING | flags, factory=factory)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost"
