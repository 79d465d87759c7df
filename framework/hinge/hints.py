"""What to write instead, for failures of a handler whose own text does not say it: the end of the log's line.

Law: looked at on failure only, and read off the exception; a failure that is not known here has no hint.
"""

import re

_UNSUPPORTED = re.compile(r"Encoding objects of type ([\w.]+) is unsupported\Z")
_INSTEAD = {
    "coroutine": "await it",
    "generator": "make a list of it",
    "sqlite3.Row": "return dict(row), or Item(**row) of a Struct or dataclass",
}


def hint(error: BaseException) -> str:
    """Return `: why. Fix: ...`; empty for an error that is not known here."""
    said = error.args[0] if type(error) is TypeError and error.args else None
    found = _UNSUPPORTED.match(said) if isinstance(said, str) else None
    if found is None:
        return ""
    fix = _INSTEAD.get(found[1], "make it a msgspec.Struct or a dataclass, or return a dict of what is to be sent")
    return f": msgspec does not know the class {found[1]}. Fix: {fix}"
