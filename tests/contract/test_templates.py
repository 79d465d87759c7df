"""Pages made by Jinja are the same on every backend; what is wrong with one is told where it is."""

import logging
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hinge import App, ConfigurationError, HTMLResponse, Request, Templates, TextResponse
from hinge.testing import Client

ClientFor = Callable[..., Client]

FILES = {
    "page.html": "<p>{{ name }}</p>\n<a href='{{ url_for('page', name='b') }}'>{{ request.path }} {{ site }}</a>",
    "page.html.j2": "{{ name }}",
    "outer.html": "{% extends 'base.html' %}{% block body %}{% include 'part.svg' %}{% endblock %}",
    "base.html": "<b>{% block body %}{% endblock %}</b>",
    "part.svg": "<svg>{{ name }}</svg>",
    "mail.txt": "Dear {{ name }}",
    "letter.html": "{% include 'mail.txt' %}",
    "macros": "{% macro bold(name) %}<b>{{ name }}</b>{% endmacro %}",
    "imports.html": "{% from 'macros' import bold %}{{ bold(name) }}",
    "frame.tpl": "<i>{{ name }}{% block body %}{% endblock %}</i>",
    "framed.html": "{% extends 'frame.tpl' %}{% block body %}{% include 'mail.txt' %}{% endblock %}",
    "fails.html": "<p>\n{{ name.missing.more }}</p>",
    "unknown.html": "{{ nobody_gave_it }}",
    "syntax.html": "<p>\n{% if %}\n",
    "includes.html": "\n{% include 'fails.html' %}",
    "lost.html": "{% include 'nowhere.html' %}",
}
NAME = "<a&b>"
ESCAPED = "&lt;a&amp;b&gt;"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def test_pages(client_for: ClientFor, folder: Path) -> None:
    def site(request: Request) -> dict[str, Any]:
        return {"site": "from " + request.method, "name": "overridden"}

    app, templates = App(), Templates(folder, context_processors=[site])
    fixed = templates["part.svg"]

    @app.get("/page/{name}")
    def page(request: Request, name: str) -> HTMLResponse:
        return templates("page.html", request, name=NAME)

    @app.get("/fixed")
    async def of_one(request: Request) -> HTMLResponse:
        return fixed(request, {"name": NAME}, status=201, headers={"x-page": "fixed"})

    @app.get("/text")
    def text(request: Request) -> TextResponse:
        return TextResponse(templates.render("mail.txt", request, name=NAME))

    @app.get("/any")
    def any_page(request: Request, file: str) -> HTMLResponse:
        return templates(file, request, name=NAME)

    client = client_for(app)
    expected = {
        "/page/a": f"<p>{ESCAPED}</p>\n<a href='/page/b'>/page/a from GET</a>",
        "/fixed": f"<svg>{ESCAPED}</svg>",
        "/any?file=page.html.j2": ESCAPED,
        "/any?file=outer.html": f"<b><svg>{ESCAPED}</svg></b>",
        "/any?file=letter.html": f"Dear {ESCAPED}",
        "/any?file=imports.html": f"<b>{ESCAPED}</b>",
        "/any?file=framed.html": f"<i>{ESCAPED}Dear {ESCAPED}</i>",
    }
    for path, body in expected.items():
        answer = client.get(path)
        assert (answer.text, answer.headers["content-type"]) == (body, "text/html; charset=utf-8")
    answer = client.get("/fixed")
    assert (answer.status_code, answer.headers["x-page"]) == (201, "fixed")
    assert client.get("/text").text == f"Dear {NAME}"


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("fails.html", r"In template .*fails\.html:2"),
        ("includes.html", r"In template .*fails\.html:2"),
        ("unknown.html", r"'nobody_gave_it' is undefined[\s\S]*In template .*unknown\.html:1"),
        ("syntax.html", r"In template .*syntax\.html:2"),
        ("lost.html", r"nowhere\.html[\s\S]*In template .*lost\.html:1"),
        ("pgae.html", r"There is no template 'pgae\.html' in .*Fix: did you mean 'page\.html'\?"),
        ("../secret.html", r"There is no template '\.\./secret\.html'"),
        ("mail.txt", r"'mail\.txt' is not escaped, so it is no HTML\. Fix: "),
    ],
)
def test_a_failure_names_the_template_and_its_line_in_the_log(
    client_for: ClientFor, folder: Path, caplog: pytest.LogCaptureFixture, file: str, told: str
) -> None:
    app, templates = App(), Templates(folder)

    @app.get("/")
    def page(request: Request) -> HTMLResponse:
        return templates(file, request, name=NAME)

    with caplog.at_level(logging.ERROR, "hinge"):
        answer = client_for(app).get("/")
    assert answer.status_code == 500
    assert file not in answer.text
    assert re.search(told, "\n".join(record.exc_text or "" for record in caplog.records))


async def waits(request: Request) -> dict[str, Any]:
    raise NotImplementedError


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda folder: Templates(folder / "nowhere"), r"nowhere' is no directory, seen from .*Fix: "),
        (lambda folder: Templates(folder, enable_async=True), "enable_async"),
        (lambda folder: Templates(folder, context_processors=[waits]), r"waits .* is no plain function"),
        (lambda folder: Templates(folder, context_processors=[5]), r"5 is no plain function"),
        (lambda folder: Templates(folder)["pgae.html"], r"did you mean 'page\.html'"),
        (lambda folder: Templates(folder)["syntax.html"], r"syntax\.html:2"),
        (lambda folder: Templates(folder)["mail.txt"], "is not escaped"),
    ],
)
def test_what_is_wrong_is_told_where_it_is_written(folder: Path, wrong: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as told:
        wrong(folder)
    assert "test_templates.py:" in str(told.value)


def test_the_order_of_other_frameworks(folder: Path) -> None:
    with pytest.raises(TypeError, match=r"is no name of a template\. Fix: templates\('page\.html', request\)"):
        Templates(folder)(object(), "page.html")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="needs the request"):
        Templates(folder)("page.html", {})  # type: ignore[arg-type]


def test_the_extra_that_is_missing_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'hinge-web\[templates\]'"):
        Templates(folder)
