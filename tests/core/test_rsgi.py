"""What Granian finds when it takes the app, or one of its callables, for an RSGI application."""

import pytest

from hinge import App
from hinge.backend.installed import installed_backends, load_backend


@pytest.mark.parametrize("attribute", ["", "wsgi", "asgi"])
def test_every_callable_explains_itself_to_rsgi(attribute: str, capsys: pytest.CaptureFixture[str]) -> None:
    if not attribute and any(load_backend(name).interface == "rsgi" for name in installed_backends()):
        pytest.skip("an installed backend speaks RSGI, so the app itself is served")
    app = App()
    assert not hasattr(app, "__rsgi__")
    target = getattr(app, attribute) if attribute else app
    with pytest.raises(SystemExit) as leaving:
        target.__rsgi_init__(None)
    assert leaving.value.code == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "granian --interface asgi MODULE:app" in said
    assert "granian --interface wsgi MODULE:app" in said
