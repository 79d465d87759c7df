"""Registration, login, and the current user. Plain functions: Argon2 keeps a core busy for milliseconds."""

from typing import Annotated, TypedDict
from unicodedata import normalize

import msgspec
from msgspec import UNSET, Meta, UnsetType
from sqlalchemy import ColumnElement, select

from hinge import Router

from .auth import CurrentUser, Tokens, hashed, is_right
from .database import DB
from .errors import TAKEN, RefusedError
from .models import User
from .schemas import Name, sent

router = Router(tags=["User and Authentication"])

Email = Annotated[str, Meta(min_length=1, max_length=320, pattern=r"\S")]
Password = Annotated[str, Meta(min_length=1, max_length=1000)]
Prose = Annotated[str, Meta(max_length=10_000)]


class Login(msgspec.Struct):
    email: Email
    password: Password


class NewUser(Login):
    username: Name


class UserChange(msgspec.Struct):
    email: Email | UnsetType = UNSET
    username: Name | UnsetType = UNSET
    password: Password | UnsetType = UNSET
    bio: Prose | UnsetType | None = UNSET
    image: Prose | UnsetType | None = UNSET


class Account(msgspec.Struct):
    email: str
    token: str
    username: str
    bio: str
    image: str


LoginBody = TypedDict("LoginBody", {"user": Login})
NewUserBody = TypedDict("NewUserBody", {"user": NewUser})
UserChangeBody = TypedDict("UserChangeBody", {"user": UserChange})
UserAnswer = TypedDict("UserAnswer", {"user": Account})


@router.post("/users", name="CreateUser", status=201)
def register(body: NewUserBody, db: DB, tokens: Tokens) -> UserAnswer:
    new = body["user"]
    user = User(username=as_name(new.username), email=new.email, password=hashed(new.password))
    check_free(db, username=user.username, email=new.email)
    db.add(user)
    db.flush()
    return answer(user, tokens)


@router.post("/users/login", name="Login")
def login(body: LoginBody, db: DB, tokens: Tokens) -> UserAnswer:
    user = db.scalar(select(User).where(User.email == body["user"].email))
    db.close()  # no connection is held while the password is compared
    if not is_right(user, body["user"].password) or user is None:  # in this order: nobody takes as long
        raise RefusedError(401, credentials="invalid")
    return answer(user, tokens)


@router.get("/user", name="GetCurrentUser")
def current(user: CurrentUser, tokens: Tokens) -> UserAnswer:
    return answer(user, tokens)


@router.put("/user", name="UpdateCurrentUser")
def update(body: UserChangeBody, current: CurrentUser, db: DB, tokens: Tokens) -> UserAnswer:
    changes = sent(body["user"])
    if not changes:
        raise RefusedError(422, user="needs at least one field")
    if "password" in changes:
        changes["password"] = hashed(changes["password"])
    if "username" in changes:
        changes["username"] = as_name(changes["username"])
    check_free(db, User.id != current.id, username=changes.get("username"), email=changes.get("email"))
    user = db.merge(current, load=False)
    for name, value in changes.items():
        setattr(user, name, value or "")
    db.flush()
    return answer(user, tokens)


def as_name(text: str) -> str:
    """Return a username as it is kept: none differs from another's only by what nobody sees."""
    name = normalize("NFKC", text).strip()
    if not name or not name.isprintable():
        raise RefusedError(422, username="must have visible characters only")
    return name


def check_free(db: DB, *among: ColumnElement[bool], **names: str | None) -> None:
    """Refuse names that others have; the database refuses those that are taken while we look."""
    given = {name: value for name, value in names.items() if value is not None}
    found = (db.scalar(select(User.id).where(getattr(User, name) == value, *among)) for name, value in given.items())
    if taken := [name for name, user_id in zip(given, found, strict=True) if user_id is not None]:
        raise RefusedError(422, **dict.fromkeys(taken, TAKEN))


def answer(user: User, tokens: Tokens) -> UserAnswer:
    return {"user": Account(user.email, tokens.token(user.id), user.username, user.bio, user.image)}
