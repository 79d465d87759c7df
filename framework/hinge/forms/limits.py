"""What a form may be: the numbers, and the answers to one that is more.

Law: what is above a limit is a 413 that names it (`limit`), what is not a form is a 400.
"""

import msgspec

from hinge.config import Config
from hinge.errors import HTTPError


class FormLimits(msgspec.Struct, frozen=True):
    """The settings that bound a form; see `hinge.config.Config` for each."""

    parts: int
    files: int
    text: int
    file: int | None
    headers: int
    header: int
    memory: int

    @classmethod
    def of(cls, config: Config) -> "FormLimits":
        """Return the limits that a configuration sets."""
        return cls(
            parts=config.max_form_parts,
            files=config.max_form_files,
            text=config.max_form_text,
            file=config.max_file_size,
            headers=config.max_part_headers,
            header=config.max_part_header_size,
            memory=config.max_file_memory,
        )


def exceeded(detail: str, limit: int) -> HTTPError:
    """Return the 413 of a form that is more than it may be."""
    return HTTPError(413, detail, limit=limit)


def malformed(detail: str) -> HTTPError:
    """Return the 400 of what is not a form."""
    return HTTPError(400, detail)
