"""The same answers without a framework: what somebody writes who knows WSGI, ASGI and msgspec, and wants it correct.

Nothing is left out that the answers need: routing by dictionaries, 404 and 405 with Allow, HEAD and OPTIONS, conversion
that takes ASCII digits only, a repeated query key, 415, 413, a cut upload, two framings, a body that nests too deeply,
400 and 422, an unexpected failure. Nothing is in it that they do not need: no contexts, no lifespan, no request object.
"""

from hand_asgi import asgi, asgi_layer
from hand_rsgi import rsgi, rsgi_layer
from hand_wsgi import wsgi, wsgi_layer

__all__ = ["asgi", "asgi_layer", "rsgi", "rsgi_layer", "wsgi", "wsgi_layer"]
