"""What several modules send and take."""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta

MAX_ID = 2**63 - 1

Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S")]
Text = Annotated[str, Meta(min_length=1, max_length=100_000, pattern=r"\S")]
Timestamp = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class Profile(msgspec.Struct):
    """Somebody, as others see them."""

    username: str
    bio: str
    image: str
    following: bool


def timestamp(moment: datetime) -> Timestamp:
    """Return a moment as 2016-02-18T03:22:56.637Z; one that SQLite kept is in UTC and does not say so."""
    moment = moment.astimezone(UTC) if moment.tzinfo else moment
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def sent(change: msgspec.Struct) -> dict[str, Any]:
    """Return the fields of a change that the client has sent."""
    return {name: value for name, value in msgspec.structs.asdict(change).items() if value is not UNSET}
