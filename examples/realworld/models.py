"""The tables. Deleting what others refer to deletes these, in the database."""

from datetime import UTC, datetime
from typing import Annotated

from sqlalchemy import Column, DateTime, ForeignKey, MetaData, String, Table, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


def now() -> datetime:
    return datetime.now(UTC)


Id = Annotated[int, mapped_column(primary_key=True)]
UserId = Annotated[int, mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)]
ArticleId = Annotated[int, mapped_column(ForeignKey("articles.id", ondelete="CASCADE"), index=True)]
Moment = Annotated[datetime, mapped_column(DateTime(timezone=True), default=now)]
Prose = Annotated[str, mapped_column(Text)]


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={kind: f"{kind}_%(table_name)s_%(column_0_name)s" for kind in ("ix", "uq", "fk", "pk")}
    )


def pairs(name: str, **references: str) -> Table:
    """Return a table whose rows are pairs, each at most once."""
    columns: list[Column[int]] = [
        Column(column, ForeignKey(target, ondelete="CASCADE"), primary_key=True, index=bool(place))
        for place, (column, target) in enumerate(references.items())  # the first one begins the primary key
    ]
    return Table(name, Base.metadata, *columns)


follows = pairs("follows", follower_id="users.id", followed_id="users.id")
favorites = pairs("favorites", user_id="users.id", article_id="articles.id")


class User(Base):
    __tablename__ = "users"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - no id comes again: tokens name them

    id: Mapped[Id]
    username: Mapped[str] = mapped_column(String(100), unique=True)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    password: Mapped[str] = mapped_column(String(200))  # what Argon2 made of it
    bio: Mapped[Prose] = mapped_column(default="")
    image: Mapped[Prose] = mapped_column(default="")


class Tag(Base):
    __tablename__ = "tags"

    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(100), primary_key=True, index=True)


class Article(Base):
    __tablename__ = "articles"

    id: Mapped[Id]
    slug: Mapped[str] = mapped_column(String(300), unique=True)
    title: Mapped[Prose]
    description: Mapped[Prose]
    body: Mapped[Prose]
    created_at: Mapped[Moment] = mapped_column(index=True)
    updated_at: Mapped[Moment]
    author_id: Mapped[UserId]
    author: Mapped[User] = relationship(lazy="raise")
    tags: Mapped[list[Tag]] = relationship(lazy="raise", cascade="all, delete-orphan")


class Comment(Base):
    __tablename__ = "comments"

    id: Mapped[Id]
    body: Mapped[Prose]
    created_at: Mapped[Moment]
    updated_at: Mapped[Moment]
    article_id: Mapped[ArticleId]
    author_id: Mapped[UserId]
    author: Mapped[User] = relationship(lazy="raise")
