"""Profiles, and who follows whom."""

from typing import TypedDict

from sqlalchemy import ColumnElement, SQLColumnExpression, delete, exists, select

from hinge import Router

from .auth import CurrentUser, Viewer
from .database import DB, added_once
from .errors import RefusedError
from .models import User, follows
from .schemas import Profile

router = Router("/profiles", tags=["Profile"])

ProfileAnswer = TypedDict("ProfileAnswer", {"profile": Profile})


def is_followed(viewer: int | None, author: SQLColumnExpression[int]) -> ColumnElement[bool]:
    """Return whether somebody follows an author; nobody (None) follows nobody."""
    return exists().where(follows.c.follower_id == viewer, follows.c.followed_id == author)


def profile(user: User, *, following: bool) -> Profile:
    return Profile(user.username, user.bio, user.image, following)


@router.get("/{username}", name="GetProfileByUsername")
def read(username: str, viewer: Viewer, db: DB) -> ProfileAnswer:
    user, following = find(db, username, viewer)
    return {"profile": profile(user, following=following)}


@router.post("/{username}/follow", name="FollowUserByUsername")
def follow(username: str, current: CurrentUser, db: DB) -> ProfileAnswer:
    user, _ = find(db, username, current.id)
    db.execute(added_once(follows, follower_id=current.id, followed_id=user.id))
    return {"profile": profile(user, following=True)}


@router.delete("/{username}/follow", name="UnfollowUserByUsername")
def unfollow(username: str, current: CurrentUser, db: DB) -> ProfileAnswer:
    user, _ = find(db, username, current.id)
    db.execute(delete(follows).where(follows.c.follower_id == current.id, follows.c.followed_id == user.id))
    return {"profile": profile(user, following=False)}


def find(db: DB, username: str, viewer: int | None) -> tuple[User, bool]:
    found = db.execute(select(User, is_followed(viewer, User.id)).where(User.username == username)).one_or_none()
    if found is None:
        raise RefusedError(404, profile="not found")
    return found
