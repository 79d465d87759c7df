"""What `hinge run` loads to measure its start: the app in the colour that BENCHMARK_INTERFACE calls directly."""

import os

from apps import asgi_app, wsgi_app

app = wsgi_app() if os.environ["BENCHMARK_INTERFACE"] == "wsgi" else asgi_app()
