"""Whether this process has been told to stop and still serves: what a readiness check answers 503 for.

Law: it begins once and does not end. Whoever stops the process says so first (`hinge run` at its stop signal), waits as
long as load balancers need to look elsewhere, and only then accepts nothing more.
"""

_begun = False


def begin() -> None:
    """Say that this process is about to stop."""
    global _begun  # noqa: PLW0603 - of the process, as the signal is
    _begun = True


def has_begun() -> bool:
    """Tell whether this process is about to stop."""
    return _begun
