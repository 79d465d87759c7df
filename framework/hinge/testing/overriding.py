"""An app compiled with other functions in place of its providers.

Law: it is the client's that has asked for it. The app, its own callables and other clients never see it.
"""

from collections.abc import Mapping
from typing import Any

from hinge.backend.installed import compiled, load_backend
from hinge.diagnostics.kinds import shown
from hinge.diagnostics.location import caller
from hinge.errors import ConfigurationError
from hinge.inspection.uncollected import uncollected


def compiled_with(app: Any, backend: str, overrides: Any, *, skip_unsupported: bool) -> Any:
    """Return what a backend compiles an app to.

    Raises:
        ConfigurationError: it does not compile, or an override is none.
    """
    if not overrides:
        return app.compile(backend, skip_unsupported=skip_unsupported)
    where = f"Client(overrides=...) ({caller()})"
    if not isinstance(overrides, Mapping):
        raise ConfigurationError(f"{where}: {shown(overrides)} is no mapping. Fix: overrides={{session: fake_session}}")
    for one in (*overrides, *overrides.values()):
        if not callable(one):
            raise ConfigurationError(f"{where}: {shown(one)} cannot be called. Fix: lambda: {shown(one)}")
    skip = skip_unsupported or app.config.skip_unsupported
    target = load_backend(backend)
    with uncollected():
        return compiled(target, app.freeze(target, skip_unsupported=skip, overrides=overrides))
