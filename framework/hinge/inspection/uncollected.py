"""What is done without the garbage collector.

Law: what a compile makes stays for the life of the process; to look at it again and again only takes time. Who looks at
the frames of other threads must not let them go on meanwhile, as a finalizer may.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector from running: what is made stays meanwhile, and going over it takes as long again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
