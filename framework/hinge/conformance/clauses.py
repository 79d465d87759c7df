"""The clauses of the contract: what a backend owes to apps, one sentence each.

Law: a clause is named `group.name`, and the names stay; a check of the kit stands for one clause, and no clause is
without a check. What a backend need not do hangs on a `Feature`, never on a clause.
"""

CLAUSES = {
    # What a request's head says.
    "head.method": "`HeadReader.method` gives the method as it was sent, and methods that nobody knows are answered.",
    "head.path": "`path` is decoded, begins with a slash, has no mount prefix; one that is not UTF-8 is 400.",
    "head.query": "`query_string` is what stands behind the question mark, undecoded.",
    "head.headers": "Names are lower case, lines of one name are joined, names with `_` and values that are not ASCII "
    "never reach a handler.",
    "head.cookies": "Cookie lines are joined so that every pair in them can be read.",
    "head.peer": "`scheme`, `http_version` and `client` are what the server says itself, whatever a header claims.",
    "head.native": "`request.native` is the platform's own request, the same object whenever it is asked for.",
    "head.arguments": "A handler gets what `Endpoint.bind` gathers, and what that refuses is answered, not raised.",
    "head.state": "A request sees what lifespans yielded, in a mapping of its own.",
    # What a request brings.
    "body.whole": "A body that the plan reads is there, complete, before the handler or the layer that needs it runs.",
    "body.limit": "A body above `Endpoint.max_body_size` is 413, before it is read if it declares its length.",
    "body.complete": "A body that ends before its declared length is 400, and nothing behind that length is read.",
    "body.framing": "A length that is no number is 400 on a route that reads a body; "
    "a second framing beside it is 400 on every route.",
    "body.unread": "A body that nobody asks for is not waited for.",
    "body.left": "A client that leaves mid-upload is no failure: nothing is logged, and the handler does not run on.",
    "body.stream": "A `BodyStream` gives the pieces as they arrive, to both colours, with the same limits.",
    "body.duplex": "A body can be read while its response is on its way.",
    "body.form": "A form is parsed as it arrives; its files are there to both colours, and gone behind the response.",
    # What goes out.
    "response.result": "A result goes out with its status, media type and length, as `Endpoint.responder` makes it.",
    "response.headers": "Headers go out as they were set, one line each; nothing else frames the body.",
    "response.bodiless": "HEAD, 204 and 304 have no body, and HEAD has the headers of GET.",
    "response.automatic": "What no handler answers (404, 405, OPTIONS, redirects) goes out like a handler's result.",
    "response.independent": "A request leaves nothing behind that another one sees or waits for.",
    "response.after": "What `after_response` registered runs in order, once the client has everything or has left.",
    "response.same": "A request is answered as the backends in Hinge answer it: status, headers and body.",
    # Failures.
    "errors.answered": "Whatever a handler or a binder raises is answered by `Endpoint.errors`, inside the middleware.",
    "errors.logged": "A failure that is not the client's is logged once; an answer that was meant to be one is not.",
    "errors.handlers": "The app's error handlers answer for both colours and for what the framework itself refuses.",
    # Bodies that are made while they are sent.
    "stream.chunks": "Chunks of both colours go out one by one, no further ahead than the client asks for.",
    "stream.closed": "A source is closed exactly once: at its end, at a failure, when the client leaves, when unused.",
    "stream.first": "A failure before the first chunk is answered as a failure of the handler, inside the middleware.",
    "stream.cut": "A failure after the first chunk cuts the response off, so that the client sees it.",
    "stream.left": "A client that leaves ends its source, also one that waits, if the backend can notice that.",
    "stream.replaced": "Middleware may wrap, replace or drop a stream; no source is lost by it.",
    "stream.task": "An async source runs in one task from its first step to its close, so task groups may span yields.",
    "stream.many": "Streams neither wait for each other nor grow with what they have sent.",
    "stream.events": "Events go out at once, in their framing, the head before the first one.",
    "stream.silence": "A silent event stream is kept alive with comments, between events only.",
    # WebSockets.
    "websocket.handshake": "A handler accepts with subprotocol and headers, and sees the head as an HTTP handler does.",
    "websocket.refusal": "A handshake that is refused, fails or is not answered is denied with an HTTP response.",
    "websocket.messages": "Messages keep kind and order, none is lost, and who is slow holds up the other side.",
    "websocket.limit": "A message above the limit, or one that is not what it should be, closes with its code.",
    "websocket.end": "Codes and reasons go both ways, and a handler that ends closes the connection.",
    "websocket.left": "A handler whose peer has left is told, and ended if it does not listen.",
    "websocket.middleware": "Middleware is around the whole connection.",
    "websocket.absent": "A backend without WebSockets refuses the compile with every such route, and answers 426.",
    # Life.
    "lifespan.once": "Lifespans start before the first request and stop after the last, each once, in reverse order.",
    "lifespan.task": "All of it runs in one task, on the loop of the coroutines, in a context that no request sees.",
    "lifespan.failure": "What a start or a stop raises is raised to the worker, after the others have stopped.",
    "lifespan.end": "What is open or left behind ends before the lifespans stop.",
    "lifespan.apps": "Two applications in one process have two lives.",
    "drain.events": "`drain` ends event streams and WebSockets at once, also those that open later.",
    "drain.streams": "`drain` cuts other streams off after its seconds, and lets those end that end in time.",
    "drain.requests": "Requests under way are answered, and work after their response is done.",
    "drain.cut": "What runs on when streams are cut is cancelled if it can be, or named; its client is answered.",
    "drain.again": "`drain` may be called twice and from any thread, and ends with the life that it was said in.",
    # Where things run.
    "colour.place": "`def` runs without a loop, `async def` on the one loop, `inline` where the request is served.",
    "colour.inline": "An inline handler that waits is told so where it cannot wait.",
    "colour.together": "Handlers of either colour run at the same time, and a blocked one stops nobody.",
    "colour.loop": "What a coroutine opened or started on the loop outlives its request.",
    "context.request": "A request has one context: what one part sets, the others see, whichever thread runs them.",
    "context.isolated": "Nothing of a request's context is seen by another request, and nothing of the caller's by it.",
    "context.stream": "The steps of a stream, its close and what runs after the response share the request's context.",
    # What handlers need beside the request.
    "depends.order": "Providers run in their order, each once a request, and what the handler and they take is told in "
    "one 404 or 422.",
    "depends.colour": "Plain providers run where plain handlers do; all that is async runs in one task, setup to "
    "teardown.",
    "depends.ended": "What a provider has entered is left once, in reverse, once the body is there and before the head "
    "is sent.",
    "depends.failures": "A failure is thrown in at each yield, the first one is answered, and a failing teardown is a "
    "500.",
    "depends.streams": "With a stream that is when its source ends; its failure, or that it was cut, is thrown in.",
    "depends.guards": "Guards run behind the head's arguments and before the body is read.",
    "depends.websocket": "A WebSocket's providers run before its handler, and are left behind it.",
    "depends.worker": "App-scoped providers are made once in a worker, before its lifespans, and end after them.",
    # Sessions.
    "sessions.kept": "What a handler sets in its session is there in the visitor's next request; no other route "
    "sends anything of it.",
    "sessions.answers": "A session is kept with every answer below 500, when the handler's dependencies were left and "
    "before the head is sent.",
    "security.refusals": "Who has no credentials gets a 401 with a challenge, behind 404 and before all else.",
    "observers.told": "From contract 2.1 on, observers are told once of each request, of what was sent and what "
    "failed, when its last byte is handed over.",
}
"""Name -> what is owed."""

GROUPS = tuple(dict.fromkeys(name.partition(".")[0] for name in CLAUSES))
"""The groups of clauses, in the order of a request's life."""
