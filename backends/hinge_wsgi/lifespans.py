"""The lifespans of a worker, in a task on its loop thread."""

import threading

from hinge.lifespan import LifespanStack
from hinge.loop.lifespan import LifespanTask
from hinge_wsgi.portal import Portal


class Lifespans(LifespanTask):
    """The lifespans on the loop thread; other threads wait for what becomes of them."""

    def __init__(self, portal: Portal, stack: LifespanStack) -> None:
        super().__init__(stack)
        self._portal = portal
        self.started = threading.Event()
        self.stopped = threading.Event()

    def decided(self) -> None:
        """Wake who waits for the start."""
        self._judge()
        self.started.set()
        if self.failure is not None:
            self.stopped.set()

    def ended(self) -> None:
        """Wake who waits for the stop."""
        self._judge()
        self.stopped.set()

    def is_ending(self) -> bool:
        """Tell whether the loop thread ends."""
        return self._portal.stopping

    def _judge(self) -> None:
        if self.failure is not None and self._portal.stopping:
            cause = self.failure
            self.failure = RuntimeError("the application was stopped before its lifespans had started or stopped")
            self.failure.__cause__ = cause
