"""The app: hinge run examples/realworld/app.py:create_app --factory (README.md says what it needs)."""

from collections.abc import Iterator

from hinge import App
from hinge.middleware import CORS

from . import comments, errors, profiles, tags, users
from .articles import routes as articles
from .database import Configured, migrate
from .settings import Settings

ROUTERS = (users.router, profiles.router, articles.router, comments.router, tags.router)


def create_app(settings: Settings | None = None) -> App:
    """Return the app of some settings, by default those of the environment."""
    given = settings or Settings()
    app = App("RealWorld Conduit API", version="1.1.0", overrides={Settings: lambda: given})
    app.lifespan(database)
    errors.register(app)
    if given.origins:
        app.middleware(CORS(given.origins, headers=["authorization", "content-type"]))
    for router in ROUTERS:
        app.include(router, prefix="/api")
    return app


def database(settings: Configured) -> Iterator[None]:
    if settings.migrate:
        migrate(settings)
    yield
