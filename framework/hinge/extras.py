"""The optional parts of the distribution, and the line that installs one.

Law: the name to install is not the name to import, and is written here alone. On the package index `hinge` is another
project.
"""

DISTRIBUTION = "hinge-web"
"""The name on the package index."""


def install(extra: str) -> str:
    """Return the command that installs an extra into an environment that has Hinge, from the index or from a clone."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"
