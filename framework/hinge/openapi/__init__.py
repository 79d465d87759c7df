"""The app as an OpenAPI 3.1 document, made of the plans that are executed, and the page that shows it.

Law: nothing is declared twice. What a handler's signature does not say is left out rather than guessed.
"""

from hinge.openapi.document import describe

__all__ = ["describe"]
