"""The AWS Lambda backend: API Gateway (payload 1.0 and 2.0), function URLs, Application Load Balancers."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from hinge.backend import Connection, Feature, FrozenApp, HandlerPlan


class LambdaBackend:
    """Compile to a Lambda handler, `(event, context) -> answer`."""

    name = interface = "lambda"
    # An event brings the whole request and takes the whole answer, and behind that nothing runs.
    features: frozenset[Feature] = frozenset({Feature.PREFIX})
    contract = (2, 1)
    deployment = 'Fix: handler = app.compile("lambda"), and name module.handler as the handler of the function'

    def compile(self, frozen: FrozenApp) -> Any:
        """Return the handler."""
        from hinge_lambda.handler import LambdaApplication  # noqa: PLC0415 - asking for the features needs none of it

        return LambdaApplication(frozen)

    def placement(self, plan: HandlerPlan) -> str:
        """Say where a handler runs."""
        return "the kept event loop" if plan.is_async else "Lambda's own thread (a worker thread inside middleware)"

    def connect(self, application: Any, options: Mapping[str, Any]) -> AbstractContextManager[Connection]:
        """Return an in-process connection; the option `event_of` makes other events than those of payload 2.0."""
        from hinge_lambda.connection import connect  # noqa: PLC0415 - tests only

        return connect(application, options)


backend = LambdaBackend()
