"""The smallest app: `hinge run examples/hello.py`, then http://127.0.0.1:8000/?name=you.

The same file serves as WSGI with `hinge run examples/hello.py --backend wsgi`.
"""

from hinge import App

app = App(title="Hello")


@app.get("/")
def hello(name: str = "world") -> str:
    return f"Hello, {name}!\n"
