"""The logger `hinge`, made when the first line is logged: a start that logs nothing does not load `logging`."""

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from hinge.diagnostics.log import Log


class _Later:
    """What stands for the logger."""

    def __getattr__(self, name: str) -> Any:
        from hinge.diagnostics.log import LOG  # noqa: PLC0415 - the reason for this module

        return getattr(LOG, name)


logger = cast("Log", _Later())
