"""The other frameworks with dependencies, sessions, CORS and a request id, each in the way that its users take.

A module has one function for each interface (`wsgi(around)`, `asgi(around)`: the callable behind nothing, or behind the
whole stack). Where a framework has no dependencies, what stands for them is what its documentation shows: objects that
middleware opens and closes. Where it has no sessions or no CORS, its best known extension has them.
"""
