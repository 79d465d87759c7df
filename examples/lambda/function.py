"""The app as a handler of AWS Lambda: `function.handler`."""

from app import app

handler = app.compile("lambda")
