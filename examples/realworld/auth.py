"""Who is asking: passwords, tokens, and the providers of the user.

Law: these run before the body is read, so they have a short session of their own: no upload holds a connection. A token
that is wrong is a 401 where none is needed, too: whoever shows one wants to be somebody.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from hinge import Depends, HTTPError
from hinge.security import HTTPBearer
from hinge.security.jwt import JWT

from .database import AsyncPool, Configured, Pool
from .models import User

HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # 19 MiB, as OWASP has it for Argon2id
HASHING = ThreadPoolExecutor(os.cpu_count(), "argon2")
"""As many passwords at a time as there are cores: more take no less time, and each thread keeps its 19 MiB."""
NOBODY = HASHER.hash("")
"""What a login as nobody is compared with, so that it takes as long."""
TOKEN = HTTPBearer(scheme="Token", title="Token")
OPTIONAL_TOKEN = HTTPBearer(scheme="Token", title="Token", optional=True)


def hashed(password: str) -> str:
    return HASHING.submit(HASHER.hash, password).result()


def is_right(user: User | None, password: str) -> bool:
    try:
        HASHING.submit(HASHER.verify, user.password if user else NOBODY, password).result()
    except VerifyMismatchError:
        return False
    return user is not None


class Claims(msgspec.Struct):
    sub: str


class Signer:
    """What makes and reads tokens."""

    def __init__(self, settings: Configured) -> None:
        self._tokens = JWT(settings.signing_key, algorithms=["HS256"])
        self._lifetime = settings.token_days * 24 * 60 * 60

    def token(self, user_id: int) -> str:
        return self._tokens.encode(Claims(str(user_id)), lifetime=self._lifetime)

    def user_id(self, token: str) -> int:
        return int(self._tokens.decode(token, Claims).sub)


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
