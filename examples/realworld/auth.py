"""Who is asking: passwords, tokens, and the providers of the user.

Law: these run before the body is read, so they have a short session of their own: no upload holds a connection. A token
that is wrong is a 401 where none is needed, too: whoever shows one wants to be somebody.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from hinge import Depends, HTTPError
from hinge.security import HTTPBearer

from .database import AsyncPool, Configured, Pool
from .models import User

HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # 19 MiB, as OWASP has it for Argon2id
NOBODY = HASHER.hash("")
"""What a login as nobody is compared with, so that it takes as long."""
ALGORITHM = "HS256"

TOKEN = HTTPBearer(scheme="Token", title="Token")
OPTIONAL_TOKEN = HTTPBearer(scheme="Token", title="Token", optional=True)


def is_right(user: User | None, password: str) -> bool:
    try:
        HASHER.verify(user.password if user else NOBODY, password)
    except VerifyMismatchError:
        return False
    return user is not None


class Signer:
    """What makes and reads tokens."""

    def __init__(self, settings: Configured) -> None:
        self._key = settings.signing_key
        self._life = timedelta(days=settings.token_days)

    def token(self, user_id: int) -> str:
        claims = {"sub": str(user_id), "exp": datetime.now(UTC) + self._life}
        return jwt.encode(claims, self._key, ALGORITHM)

    def user_id(self, token: str) -> int:
        try:
            return int(jwt.decode(token, self._key, [ALGORITHM], {"require": ["exp", "sub"]})["sub"])
        except (jwt.InvalidTokenError, ValueError):
            raise HTTPError(401) from None


Tokens = Annotated[Signer, Depends(Signer, scope="app")]


def viewer(token: Annotated[str | None, Depends(OPTIONAL_TOKEN)], tokens: Tokens) -> int | None:
    """Return the id of whoever is asking, None for anybody."""
    return None if token is None else tokens.user_id(token)


def current_user(token: Annotated[str, Depends(TOKEN)], tokens: Tokens, pool: Pool) -> User:
    with Session(pool) as db:
        return known(db.get(User, tokens.user_id(token)))


async def async_current_user(token: Annotated[str, Depends(TOKEN)], tokens: Tokens, pool: AsyncPool) -> User:
    async with AsyncSession(pool) as db:
        return known(await db.get(User, tokens.user_id(token)))


Viewer = Annotated[int | None, Depends(viewer)]
CurrentUser = Annotated[User, Depends(current_user)]
AsyncCurrentUser = Annotated[User, Depends(async_current_user)]


def known(user: User | None) -> User:
    if user is None:
        raise HTTPError(401)
    return user
