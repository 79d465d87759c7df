"""The other frameworks, each in a module of its own, written the way its documentation writes.

A module has `NAME`, `PACKAGE`, one function for each interface that the framework speaks (`wsgi(around)`,
`asgi(around)`: the callable behind what `cases.Around` says), and `LACKS`: what it cannot do, by interface, and why.
Some answer but the `CASES` that they name, or have a lifespan that has to start first (`STARTS`).
Where a framework does not validate bodies itself, msgspec does, the fastest that there is; where it has no server-sent
events, the events are written by hand; where it has CORS and no request id, that is the one of the three.
Documentation, schemas and sessions that can be left out are left out.
"""
