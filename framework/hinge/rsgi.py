"""What Granian's default interface is told: neither of our callables speaks RSGI.

Law: said once, in one line, before the first request, and the server ends with exit code 1. Without it Granian starts,
and answers every request with an empty 500.
"""

import sys
from typing import Any, NoReturn


def refuse_rsgi(loop: Any) -> NoReturn:
    """Explain and end the worker; Granian calls this as `__rsgi_init__`.

    Raises:
        SystemExit: always, with 1.

    """
    # Written here rather than given to SystemExit, which a worker that is a thread would swallow.
    sys.stderr.write(
        "Error: this is a WSGI and ASGI application, and granian's default interface is RSGI. "
        "Fix: granian --interface asgi MODULE:app, granian --interface wsgi MODULE:app, or hinge run MODULE:app\n"
    )
    sys.stderr.flush()
    raise SystemExit(1)
