"""Which types are files."""

from typing import Any

from hinge.forms.upload import FormData, UploadFile
from hinge.inspection.annotations import field_types, is_record, item_type, present


def is_file(kind: Any) -> bool:
    """Tell whether a type is a file, or one and None."""
    return kind is not None and present(kind) == [UploadFile]


def is_of_files(kind: Any) -> bool:
    """Tell whether a type is a file, or a collection of files."""
    return is_file(kind) or is_file(item_type(kind))


def may_hold_files(kind: Any) -> bool:
    """Tell whether what a form becomes may be, or have in it, a file."""
    if kind is FormData or is_of_files(kind):
        return True
    return is_record(kind) and any(map(is_of_files, field_types(present(kind)[0]).values()))
