"""An app that does not compile, which `hinge run` and `hinge check` refuse: other servers are given it all the same."""

from hinge import App

app = App()


@app.get("/{item}")
def read() -> str:
    return "never"
