"""Articles on the wire."""

from typing import Annotated, TypedDict

import msgspec
from msgspec import UNSET, Meta, UnsetType

from realworld.models import Article
from realworld.profiles import profile
from realworld.schemas import Name, Profile, Text, Timestamp, timestamp

Title = Annotated[str, Meta(min_length=1, max_length=300, pattern=r"\S")]
Tags = Annotated[list[Name], Meta(max_length=100)]


class NewArticle(msgspec.Struct, rename="camel"):
    title: Title
    description: Text
    body: Text
    tag_list: Tags = msgspec.field(default_factory=list)


class ArticleChange(msgspec.Struct, rename="camel"):
    title: Title | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    body: Text | UnsetType = UNSET
    tag_list: Tags | UnsetType = UNSET


class Summary(msgspec.Struct, rename="camel", kw_only=True):
    slug: str
    title: str
    description: str
    tag_list: list[str]
    created_at: Timestamp
    updated_at: Timestamp
    favorited: bool
    favorites_count: int
    author: Profile


class FullArticle(Summary, rename="camel"):
    body: str


NewArticleBody = TypedDict("NewArticleBody", {"article": NewArticle})
ArticleChangeBody = TypedDict("ArticleChangeBody", {"article": ArticleChange})
ArticleAnswer = TypedDict("ArticleAnswer", {"article": FullArticle})
ArticlesAnswer = TypedDict("ArticlesAnswer", {"articles": list[Summary], "articlesCount": int})

Seen = tuple[Article, int, bool, bool]
"""An article as somebody sees it: with how many favorite it, whether they do, and whether they follow its author."""


def summary(seen: Seen) -> Summary:
    article, favorites_count, favorited, following = seen
    return Summary(
        slug=article.slug,
        title=article.title,
        description=article.description,
        tag_list=sorted(tag.name for tag in article.tags),
        created_at=timestamp(article.created_at),
        updated_at=timestamp(article.updated_at),
        favorited=favorited,
        favorites_count=favorites_count,
        author=profile(article.author, following=following),
    )


def answer(seen: Seen) -> ArticleAnswer:
    return {"article": FullArticle(**msgspec.structs.asdict(summary(seen)), body=seen[0].body)}
