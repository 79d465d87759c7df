"""The compiled callables as names of a module, for servers that take no attributes of attributes."""

from served import app

application = app.wsgi
