"""Comments on articles. Plain functions: nothing here waits for anything but the database."""

from typing import Annotated, TypedDict

import msgspec
from msgspec import Meta
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from hinge import PathParam, Router

from .auth import CurrentUser, Viewer
from .database import DB
from .errors import RefusedError
from .models import Article, Comment
from .profiles import is_followed, profile
from .schemas import MAX_ID, Profile, Text, Timestamp, timestamp

router = Router("/articles/{slug}/comments", tags=["Comments"])

CommentId = Annotated[int, PathParam(name="id"), Meta(ge=1, le=MAX_ID)]


class NewComment(msgspec.Struct):
    body: Text


class CommentView(msgspec.Struct, rename="camel"):
    id: int
    created_at: Timestamp
    updated_at: Timestamp
    body: str
    author: Profile


NewCommentBody = TypedDict("NewCommentBody", {"comment": NewComment})
CommentAnswer = TypedDict("CommentAnswer", {"comment": CommentView})
CommentsAnswer = TypedDict("CommentsAnswer", {"comments": list[CommentView]})


@router.get("", name="GetArticleComments")
def search(slug: str, viewer: Viewer, db: DB) -> CommentsAnswer:
    seen = select(Comment, is_followed(viewer, Comment.author_id)).options(joinedload(Comment.author))
    found = db.execute(seen.where(Comment.article_id == article_id(db, slug)).order_by(Comment.id.desc()))
    return {"comments": [view(comment, following=following) for comment, following in found]}


@router.post("", name="CreateArticleComment")
def create(slug: str, body: NewCommentBody, user: CurrentUser, db: DB) -> CommentAnswer:
    author = db.merge(user, load=False)
    comment = Comment(body=body["comment"].body, article_id=article_id(db, slug), author=author)
    db.add(comment)
    db.flush()
    following = db.scalar(select(is_followed(user.id, Comment.author_id)).where(Comment.id == comment.id))
    return {"comment": view(comment, following=bool(following))}


@router.delete("/{id}", name="DeleteArticleComment")
def remove(slug: str, comment_id: CommentId, user: CurrentUser, db: DB) -> None:
    of_article = Comment.article_id == article_id(db, slug)
    comment = db.scalar(select(Comment).where(Comment.id == comment_id, of_article))
    if comment is None:
        raise RefusedError(404, comment="not found")
    if comment.author_id != user.id:
        raise RefusedError(403, comment="is not yours")
    db.delete(comment)


def article_id(db: DB, slug: str) -> int:
    found = db.scalar(select(Article.id).where(Article.slug == slug))
    if found is None:
        raise RefusedError(404, article="not found")
    return found


def view(comment: Comment, *, following: bool) -> CommentView:
    moments = timestamp(comment.created_at), timestamp(comment.updated_at)
    return CommentView(comment.id, *moments, comment.body, profile(comment.author, following=following))
