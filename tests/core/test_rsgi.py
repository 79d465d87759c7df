"""What Granian finds when it takes the app, or one of its callables, for an RSGI application."""

import sys

import granian.constants  # as in a worker: what nobody can ask for is not there
import pytest

from hinge import App
from hinge.backend.installed import usable_backends


@pytest.mark.parametrize("attribute", ["", "wsgi", "asgi"])
def test_every_callable_explains_itself_to_rsgi(
    attribute: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    others = {name: backend for name, backend in usable_backends().items() if backend.interface != "rsgi"}
    monkeypatch.setattr("hinge.backend.installed.usable_backends", lambda: others)  # as where nothing speaks RSGI
    app = App()
    target = getattr(app, attribute) if attribute else app
    assert not hasattr(target, "__rsgi__")
    with pytest.raises(SystemExit) as leaving:
        target.__rsgi_init__(None)
    assert leaving.value.code == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "granian --interface asgi MODULE:app" in said
    assert "granian --interface wsgi MODULE:app" in said


def test_names_that_granian_does_not_look_for_are_no_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert granian.constants.Interfaces("rsgi")
    app = App()
    assert not any(hasattr(app, name) for name in ("__html__", "__post_init__", "__deepcopy__", "__asgi_init__"))
    monkeypatch.delitem(sys.modules, "granian.constants")
    assert not hasattr(app, "__rsgi_init__")
