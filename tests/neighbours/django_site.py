"""A Django project in one file, for rows in a process of their own: Django is configured once in each."""

from pathlib import Path
from typing import Any


def configure(folder: Path, **settings: Any) -> None:
    """Set Django up; its database is a file in the folder."""
    import django
    from django.conf import settings as them

    base: dict[str, Any] = {
        "ALLOWED_HOSTS": ["*"],
        "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "django.db"}},
        "DEFAULT_AUTO_FIELD": "django.db.models.AutoField",
        "INSTALLED_APPS": ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
        "MIDDLEWARE": [
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        "ROOT_URLCONF": __name__,
        "SECRET_KEY": "k" * 50,
        "USE_TZ": True,
    }
    them.configure(**base | settings)
    django.setup()


urlpatterns: list[Any] = []


def route(path: str, view: Any) -> None:
    """Add a view, or what `include` gives."""
    from django.urls import path as to

    urlpatterns.append(to(path, view))


def old() -> None:
    """Add `/old`, which answers `old`."""
    from django.http import HttpResponse

    route("old", lambda request: HttpResponse("old"))
