"""All tags, those of most articles first."""

from typing import TypedDict

from sqlalchemy import func, select

from hinge import Router

from .database import AsyncDB
from .models import Tag

router = Router("/tags", tags=["Tags"])

TagsAnswer = TypedDict("TagsAnswer", {"tags": list[str]})


@router.get("", name="GetTags")
async def search(db: AsyncDB) -> TagsAnswer:
    found = await db.scalars(select(Tag.name).group_by(Tag.name).order_by(func.count().desc(), Tag.name))
    return {"tags": list(found)}
