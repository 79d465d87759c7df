"""One test on several backends: what the first run was answered, the next ones must be answered, too.

Law: answers are compared where they arrive, so the traceback shows the request. What may differ by nature is named
once, in `VOLATILE`; what may differ in one test, that test names; what a missing Feature promises is no difference.
Nothing is compared with a run that failed or was skipped.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hinge.backend.contract import Backend, Feature
from hinge.backend.installed import load_backend
from hinge.backend.testing import Reply
from hinge.compiling.endpoints import unmet_needs
from hinge.errors import ConfigurationError
from hinge.testing.apart import bodies_apart, headers_apart, lines_apart
from hinge.testing.client import Client
from hinge.testing.outgoing import Outgoing

if TYPE_CHECKING:
    from hinge.testing.async_client import AsyncClient

VOLATILE = frozenset({"date", "server", "connection", "keep-alive", "upgrade"})
"""Response headers that tell when, by whom and over which connection, not what; PEP 3333 leaves the last to servers."""
_MOST = 65536
"""Bytes of a body that is read for the sake of the message alone."""


class Difference(AssertionError):  # noqa: N818 - a finding, reported as a failed assertion
    """Two backends answered the same test differently."""


@dataclass(slots=True)
class Answer:
    """What one request was answered, as far as it was read."""

    request: str
    status: int
    headers: list[tuple[str, str]]
    body: bytearray = field(default_factory=bytearray)
    content: bytes = b""
    streams: bool = True
    """Whether the backend has `Feature.STREAMING`."""


@dataclass(slots=True)
class Transcript:
    """All answers of one run of a test, one list for each client; `sound` unless the run failed."""

    backend: str
    sound: bool = True
    clients: list[list[Answer]] = field(default_factory=list)


class EachBackend:
    """What the fixture `each_backend` gives a test: called with an app, it opens a client on this run's backend.

    `name` is the backend's name, `features` what it has.
    """

    def __init__(self, name: str, reference: Transcript | None, skip: Callable[[str], Any]) -> None:
        self.name = name
        self._skip = skip
        self.transcript = Transcript(name)
        self._reference = reference

    @property
    def features(self) -> frozenset[Feature]:
        """What this run's backend can do."""
        return load_backend(self.name).features

    def __call__(
        self,
        app: Any,
        *,
        ignore: Iterable[str] = (),
        normalise: Callable[[bytes], bytes] = bytes,
        skip_unsupported: bool = False,
        **options: Any,
    ) -> "ComparedRun":
        """Return what runs the app on this run's backend: `with` gives a `Client`, `async with` an `AsyncClient`.

        `options` are the client's.

        The test is skipped, with handler, path and feature as the reason, if the app needs what the backend lacks.
        `ignore` names response headers that may differ, `normalise` is applied to each body before it is compared.

        Its block raises:
            Difference: an answer is not the one that an earlier run got.
        """
        return ComparedRun(
            lambda: self._judged(app, ignore, normalise, {"skip_unsupported": skip_unsupported, **options})
        )

    @contextmanager
    def _judged(
        self, app: Any, ignore: Iterable[str], normalise: Callable[[bytes], bytes], options: dict[str, Any]
    ) -> Iterator[Client]:
        answers: list[Answer] = []
        expected = self._expected(len(self.transcript.clients))
        self.transcript.clients.append(answers)
        volatile = VOLATILE | {name.lower() for name in ignore}
        judge = _Judge(self.name, self.features, answers, expected, volatile, normalise)
        try:
            yield self._client(app, judge, **options)
            judge.finish()
        except BaseException:
            self.transcript.sound = False
            raise

    def _client(self, app: Any, judge: "_Judge", *, skip_unsupported: bool, **options: Any) -> Client:
        try:
            return _ComparedClient(app, self.name, judge, skip_unsupported=skip_unsupported, **options)
        except ConfigurationError:
            # Asked now only: it plans every handler once more.
            needs = [] if skip_unsupported else _unmet(app, load_backend(self.name))
            if not needs:
                raise
            self._skip("\n".join(needs))
            raise

    def _expected(self, number: int) -> tuple[str, list[Answer]] | None:
        if self._reference is None or number >= len(self._reference.clients):
            return None
        return self._reference.backend, self._reference.clients[number]


class ComparedRun:
    """One run of an app whose answers are compared: a block that gives a client."""

    def __init__(self, judged: Callable[[], AbstractContextManager[Client]]) -> None:
        self._judged = judged
        self._stack: Any = None

    def __enter__(self) -> Client:
        with ExitStack() as stack:
            client = stack.enter_context(stack.enter_context(self._judged()))
            self._stack = stack.pop_all()
        return client

    def __exit__(self, *exc_info: object) -> None:
        self._stack.__exit__(*exc_info)

    async def __aenter__(self) -> "AsyncClient":
        from hinge.testing.async_client import AsyncClient  # noqa: PLC0415 - only async tests pay for it

        async with AsyncExitStack() as stack:
            client = AsyncClient.around(stack.enter_context(self._judged()))
            await stack.enter_async_context(client)
            self._stack = stack.pop_all()
        return client

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.__aexit__(*exc_info)


@dataclass(slots=True)
class _Judge:
    """Compare the answers of one client with those of its reference."""

    backend: str
    features: frozenset[Feature]
    answers: list[Answer]
    expected: tuple[str, list[Answer]] | None
    volatile: frozenset[str]
    normalise: Callable[[bytes], bytes]

    def head(self, outgoing: Outgoing, reply: Reply) -> Answer:
        """Note an answer's head and compare it."""
        headers = sorted((pair for pair in reply.headers if pair[0] not in self.volatile), key=lambda pair: pair[0])
        answer = Answer(f"{outgoing.method} {outgoing.target}", reply.status, headers)
        answer.streams = Feature.STREAMING in self.features
        self.answers.append(answer)
        other = self._other(answer)
        if other is not None and (other.request, other.status) != (answer.request, answer.status):
            length = next((value for name, value in reply.headers if name == "content-length"), "")
            if length.isdigit() and int(length) <= _MOST:  # what it says is worth more than what is left of the test
                answer.content = self.normalise(b"".join(reply.chunks))
            raise self._difference(other, answer)
        return answer

    def body(self, answer: Answer) -> None:
        """Compare an answer's headers and its body, as far as it was read."""
        answer.content = self.normalise(bytes(answer.body))
        other = self._other(answer)
        if other is not None:
            headers = _comparable(other, answer), _comparable(answer, other)
            if headers[0] != headers[1] or other.content != answer.content:
                raise self._difference(other, answer)

    def finish(self) -> None:
        """Compare how many requests there were.

        Raises:
            Difference: the test sent fewer than on the other backend.
        """
        if self.expected is not None and len(self.answers) < len(self.expected[1]):
            missing = self.expected[1][len(self.answers)]
            raise Difference(f"{missing.request} was sent on {self.expected[0]}, and not on {self.backend}")

    def _other(self, answer: Answer) -> Answer | None:
        if self.expected is None:
            return None
        index = next(index for index, known in enumerate(self.answers) if known is answer)
        if index >= len(self.expected[1]):
            raise Difference(f"{answer.request} was sent on {self.backend}, and not on {self.expected[0]}")
        return self.expected[1][index]

    def _difference(self, other: Answer, answer: Answer) -> Difference:
        """Return the error that shows in which parts two answers differ, and where."""
        names = (self.expected[0] if self.expected else "", self.backend)
        headers = _comparable(other, answer), _comparable(answer, other)
        parts: dict[str, list[str]] = {}
        if other.request != answer.request:
            parts["request"] = lines_apart("request", names, [(other.request, answer.request)])
        if other.status != answer.status:
            parts["status"] = lines_apart("status", names, [(str(other.status), str(answer.status))])
        if headers[0] != headers[1]:
            parts["headers"] = headers_apart(names, *headers)
        if other.content != answer.content:
            parts["body"] = bodies_apart(names, other.content, answer.content)
        lines = [line for part in parts.values() for line in part]
        return Difference("\n".join([f"{answer.request}: the backends differ in the {', '.join(parts)}", *lines]))


def _comparable(one: Answer, other: Answer) -> list[tuple[str, str]]:
    """Return one's headers without the length of a stream that was collected, where the other one streamed it."""
    if one.streams or not other.streams or any(name == "content-length" for name, _ in other.headers):
        return one.headers
    return [pair for pair in one.headers if pair != ("content-length", str(len(one.body)))]


class _ComparedClient(Client):
    """A client whose answers are judged."""

    def __init__(self, app: Any, backend: str, judge: _Judge, **options: Any) -> None:
        super().__init__(app, backend, **options)
        self._judge = judge

    def _send(self, outgoing: Outgoing) -> Reply:
        return _ComparedReply(super()._send(outgoing), outgoing, self._judge)


class _ComparedReply:
    """A reply whose body is noted while it is read, and judged when it is closed."""

    def __init__(self, reply: Reply, outgoing: Outgoing, judge: _Judge) -> None:
        self._reply = reply
        self._judge = judge
        self.status = reply.status
        self.headers = reply.headers
        self._answer = judge.head(outgoing, reply)
        self._judged = False
        self.chunks = self._note(reply.chunks)

    def _note(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._answer.body += chunk
            yield chunk
        self.status, self.headers = self._reply.status, self._reply.headers  # as they are in the end

    def close(self) -> None:
        """Leave, and judge what was read."""
        self._reply.close()
        if not self._judged:
            self._judged = True
            self._judge.body(self._answer)


def _unmet(app: Any, backend: Backend) -> list[str]:
    return unmet_needs([one for part in app.parts() for one in part.judged], backend)


def run_key(name: str, indices: Mapping[str, int]) -> tuple[Any, ...]:
    """Return what the runs of one test on different backends share."""
    return name, tuple(sorted(item for item in indices.items() if item[0] != "each_backend"))
