"""examples/lambda: the app answers events, and its template names the handler that there is."""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hinge.testing import Client

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[1] / "examples" / "lambda"
EVENTS = HERE / "events"


def event(kind: str, method: str, path: str, body: Any = None) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((EVENTS / f"{kind}.json").read_text("utf-8"))
    made["headers"].pop("content-length", None)
    made["body"] = None if body is None else json.dumps(body)
    if kind == "rest":
        made["requestContext"]["path"] = f"/live{path}"
        return made | {"httpMethod": method, "path": path}
    made["requestContext"]["http"]["method"] = method
    return made | {"rawPath": path}


@pytest.fixture
def code(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the example's modules imported from the top, as Lambda has them."""
    monkeypatch.syspath_prepend(EXAMPLE)
    yield
    for name in ("app", "function"):
        sys.modules.pop(name, None)


@pytest.fixture
def handler(code: None) -> Iterator[Any]:
    handler = importlib.import_module("function").handler
    yield handler
    handler.stop()


@pytest.mark.parametrize("kind", ["http-api", "rest", "function-url"])
def test_notes_through_events(handler: Any, kind: str) -> None:
    added = handler(event(kind, "POST", "/notes", {"text": "milk"}), None)
    assert (added["statusCode"], json.loads(added["body"])) == (201, {"text": "milk"})
    assert json.loads(handler(event(kind, "GET", "/notes"), None)["body"]) == [{"text": "milk"}]
    assert handler(event(kind, "POST", "/notes", {"text": ""}), None)["statusCode"] == 422
    who = json.loads(handler(event(kind, "GET", "/whoami"), None)["body"])
    assert who == {"peer": "198.51.100.9", "authorizer": None}


@pytest.mark.parametrize("backend", ["wsgi", "asgi"])
def test_elsewhere_it_is_an_app_like_others(code: None, backend: str) -> None:
    with Client(importlib.import_module("app").app, backend) as client:
        assert client.post("/notes", json={"text": "milk"}).status_code == 201
        assert client.get("/whoami").status_code == 404


def test_the_template_names_the_handler() -> None:
    yaml = pytest.importorskip("yaml")

    class Loader(yaml.SafeLoader):  # type: ignore[misc, name-defined, unused-ignore]
        """YAML as CloudFormation writes it."""

    Loader.add_multi_constructor("!", lambda loader, tag, node: node.value)
    function = yaml.load((EXAMPLE / "template.yaml").read_text("utf-8"), Loader)["Resources"]["Notes"]["Properties"]
    module, name = function["Handler"].split(".")
    assert (EXAMPLE / function["CodeUri"] / f"{module}.py").is_file()
    assert f"\n{name} = " in (EXAMPLE / f"{module}.py").read_text("utf-8")
