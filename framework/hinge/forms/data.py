"""A whole form: names with texts and files, in the order in which they came."""

from hinge.forms.upload import UploadFile
from hinge.http.multidict import MultiDict


class FormData(MultiDict[str | UploadFile]):
    """Map names to the texts and files of a form; `get_all` and `multi_items` show repeated names."""

    __slots__ = ()
