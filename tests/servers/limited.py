"""An app whose requests are counted in a Redis by user; `limited:app`."""

import os
from typing import Annotated

from hinge import App, Depends, Header
from hinge.middleware import RateLimit


def current_user(user: Header[str]) -> str:
    return user


limit = RateLimit("5/hour", store=os.environ["LIMITED_STORE"], name="limited").by(current_user)
app = App(dependencies=[Depends(limit)])


@app.get("/")
def index(user: Annotated[str, Depends(current_user)]) -> int:
    return os.getpid()
