"""The handlers of articles."""

from typing import Annotated

from msgspec import Meta
from sqlalchemy import delete

from hinge import Router
from realworld.auth import AsyncCurrentUser, Viewer
from realworld.database import AsyncDB, added_once
from realworld.models import Article, Tag, User, favorites, now
from realworld.profiles import is_followed
from realworld.schemas import MAX_ID, sent

from .queries import article_id, free_slug, is_favorite_of, one, own, page, tagged
from .schemas import ArticleAnswer, ArticleChangeBody, ArticlesAnswer, NewArticleBody, answer, summary

router = Router("/articles", tags=["Articles"])

Limit = Annotated[int, Meta(ge=1, le=100)]
Offset = Annotated[int, Meta(ge=0, le=MAX_ID)]
FILTERS = {
    "tag": lambda name: Article.tags.any(Tag.name == name),
    "author": lambda username: Article.author.has(User.username == username),
    "favorited": is_favorite_of,
}


@router.get("", name="GetArticles")
async def search(
    viewer: Viewer, db: AsyncDB, tag: str | None = None, author: str | None = None, favorited: str | None = None,
    limit: Limit = 20, offset: Offset = 0,
) -> ArticlesAnswer:  # fmt: skip
    wanted = {"tag": tag, "author": author, "favorited": favorited}
    where = [FILTERS[name](value) for name, value in wanted.items() if value is not None]
    found, count = await page(db, viewer, where, limit, offset)
    return {"articles": [summary(seen) for seen in found], "articlesCount": count}


@router.get("/feed", name="GetArticlesFeed")
async def feed(user: AsyncCurrentUser, db: AsyncDB, limit: Limit = 20, offset: Offset = 0) -> ArticlesAnswer:
    found, count = await page(db, user.id, [is_followed(user.id, Article.author_id)], limit, offset)
    return {"articles": [summary(seen) for seen in found], "articlesCount": count}


@router.post("", name="CreateArticle", status=201)
async def create(body: NewArticleBody, user: AsyncCurrentUser, db: AsyncDB) -> ArticleAnswer:
    new = body["article"]
    slug = await free_slug(db, new.title)
    article = Article(slug=slug, title=new.title, description=new.description, body=new.body, author_id=user.id)
    article.tags = tagged(new.tag_list)
    db.add(article)
    await db.flush()
    return answer(await one(db, slug, user.id))


@router.get("/{slug}", name="GetArticle")
async def read(slug: str, viewer: Viewer, db: AsyncDB) -> ArticleAnswer:
    return answer(await one(db, slug, viewer))


@router.put("/{slug}", name="UpdateArticle")
async def update(slug: str, body: ArticleChangeBody, user: AsyncCurrentUser, db: AsyncDB) -> ArticleAnswer:
    article, changes = await own(db, slug, user), sent(body["article"])
    if "tag_list" in changes:
        article.tags.clear()
        await db.flush()  # the new ones may have the places of the old
        changes["tags"] = tagged(changes.pop("tag_list"))
    if changes.get("title", article.title) != article.title:
        changes["slug"] = await free_slug(db, changes["title"])
    for name, value in {**changes, "updated_at": now()}.items():
        setattr(article, name, value)
    await db.flush()
    return answer(await one(db, article.slug, user.id))


@router.delete("/{slug}", name="DeleteArticle")
async def remove(slug: str, user: AsyncCurrentUser, db: AsyncDB) -> None:
    article = await own(db, slug, user)
    await db.execute(delete(Article).where(Article.id == article.id))


@router.post("/{slug}/favorite", name="CreateArticleFavorite", tags=["Favorites"])
async def favorite(slug: str, user: AsyncCurrentUser, db: AsyncDB) -> ArticleAnswer:
    await db.execute(added_once(favorites, user_id=user.id, article_id=await article_id(db, slug)))
    return answer(await one(db, slug, user.id))


@router.delete("/{slug}/favorite", name="DeleteArticleFavorite", tags=["Favorites"])
async def unfavorite(slug: str, user: AsyncCurrentUser, db: AsyncDB) -> ArticleAnswer:
    of_article = favorites.c.article_id == await article_id(db, slug)
    await db.execute(delete(favorites).where(of_article, favorites.c.user_id == user.id))
    return answer(await one(db, slug, user.id))
