"""What a client is told of a ValueError that the app's own code has raised for it.

Law: the text of a `raise` is meant for somebody; that of what was called there, such as `int()`, shows the value.
"""

import dis

_MAX_TEXT = 300
_RAISE = dis.opmap["RAISE_VARARGS"]


def told(error: Exception) -> str:
    """Return what is told of an error, `is invalid` where its text is nobody's business."""
    return _said(error)[:_MAX_TEXT] or "is invalid"


def _said(cause: Exception) -> str:
    """Return the text that somebody raised for the client; those of attrs' validators and of `int()` show the value."""
    is_own = type(cause).__str__ is not ValueError.__str__
    if not isinstance(cause, ValueError) or not (is_own or list(map(type, cause.args)) == [str]):
        return ""
    last = cause.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None:
        return str(cause).strip()  # a codec's word: nobody has raised it
    if last.tb_frame.f_code.co_code[last.tb_lasti] != _RAISE:
        return ""  # what is called there has
    raised_in = str(last.tb_frame.f_globals.get("__name__", ""))
    return "" if raised_in.partition(".")[0] == "attr" else str(cause).strip()
