"""Articles in the database: each list and each article is one query, and one more for the tags."""

from collections.abc import Sequence
from secrets import token_hex

from slugify import slugify
from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import defer, joinedload, selectinload

from realworld.database import AsyncDB
from realworld.errors import RefusedError
from realworld.models import Article, Tag, User, favorites
from realworld.profiles import is_followed

from .schemas import Seen

RESERVED = {"feed"}
"""What stands at the place of a slug in other paths."""
OF_ARTICLE = favorites.c.article_id == Article.id


def seen_by(viewer: int | None) -> Select[Article, int, bool, bool]:
    count = select(func.count()).select_from(favorites).where(OF_ARTICLE).scalar_subquery()
    favorited = exists().where(OF_ARTICLE, favorites.c.user_id == viewer)
    found = select(Article, count, favorited, is_followed(viewer, Article.author_id))
    return found.options(joinedload(Article.author), selectinload(Article.tags))


def missing() -> RefusedError:
    return RefusedError(404, article="not found")


async def article_id(db: AsyncDB, slug: str) -> int:
    found = await db.scalar(select(Article.id).where(Article.slug == slug))
    if found is None:
        raise missing()
    return found


async def one(db: AsyncDB, slug: str, viewer: int | None) -> Seen:
    found = (await db.execute(seen_by(viewer).where(Article.slug == slug))).one_or_none()
    if found is None:
        raise missing()
    return found


async def page(
    db: AsyncDB, viewer: int | None, where: Sequence[ColumnElement[bool]], limit: int, offset: int
) -> tuple[Sequence[Seen], int]:
    """Return a page of those that fulfil all conditions, the newest first, and how many there are."""
    count = await db.scalar(select(func.count()).select_from(Article).where(*where))
    newest = seen_by(viewer).where(*where).order_by(Article.created_at.desc(), Article.id.desc())
    rows = await db.execute(newest.options(defer(Article.body)).limit(limit).offset(offset))
    return rows.all(), count or 0


async def own(db: AsyncDB, slug: str, author: User) -> Article:
    article, *_ = await one(db, slug, author.id)
    if article.author_id != author.id:
        raise RefusedError(403, article="is not yours")
    return article


async def free_slug(db: AsyncDB, title: str) -> str:
    slug = slugify(title, max_length=200) or "article"
    is_taken = slug in RESERVED or await db.scalar(select(Article.id).where(Article.slug == slug))
    return f"{slug}-{token_hex(4)}" if is_taken else slug


def tagged(names: Sequence[str]) -> list[Tag]:
    """Return the tags of an article, each once."""
    return [Tag(name=name) for name in dict.fromkeys(names)]


def is_favorite_of(username: str) -> ColumnElement[bool]:
    return exists().where(OF_ARTICLE, favorites.c.user_id == User.id, User.username == username)
