"""The markers of a parameter, told from its type.

Law: `Header[str] | None` and `Header[str | None]` mean the same. A marker in a place where it would say nothing is
found, so that it can be refused.
"""

from typing import Annotated, Any, get_args, get_origin

from hinge.binding.params import Param
from hinge.inspection.annotations import UNIONS, unalias, union


def split(annotation: Any) -> tuple[list[Param], Any]:
    """Return the different markers of an annotation, and the type with its constraints but without them."""
    plain = unalias(annotation)
    if isinstance(plain, type):
        return [], annotation
    if get_origin(plain) is Annotated:
        inner, *notes = get_args(plain)
        markers, kind = split(inner)
        markers = list(dict.fromkeys([*markers, *(note for note in notes if isinstance(note, Param))]))
        rest = [note for note in notes if not isinstance(note, Param)]
        return markers, Annotated[(kind, *rest)] if rest else kind
    if get_origin(plain) in UNIONS:
        parts = [split(part) for part in get_args(plain)]
        markers = list(dict.fromkeys(marker for found, _ in parts for marker in found))
        if markers:
            return markers, union(kind for _, kind in parts)
    return [], annotation
