"""An app compiled with other functions in place of its providers.

Law: it is the client's that has asked for it. The app, its own callables and other clients never see it.
"""

from typing import Any

from hinge.backend.installed import compiled, load_backend
from hinge.dependencies.overrides import overrides_of
from hinge.diagnostics.location import caller
from hinge.inspection.uncollected import uncollected


def compiled_with(app: Any, backend: str, overrides: Any, *, skip_unsupported: bool) -> Any:
    """Return what a backend compiles an app to.

    Raises:
        ConfigurationError: it does not compile, or an override is none.
    """
    if not overrides:
        return app.compile(backend, skip_unsupported=skip_unsupported)
    replaced = overrides_of(overrides, f"Client(overrides=...) ({caller()})")
    skip = skip_unsupported or app.config.skip_unsupported
    target = load_backend(backend)
    with uncollected():
        return compiled(target, app.freeze(target, skip_unsupported=skip, overrides=replaced))
