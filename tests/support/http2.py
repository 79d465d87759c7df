"""HTTP/2, begun with prior knowledge or by TLS, stream by stream."""

import socket
from collections.abc import Mapping
from typing import Self

import h2.config
import h2.connection
import h2.events
from tests.support.waiting import PATIENCE
from tests.support.wire import Answer, Pairs, trusting


class H2:
    """One HTTP/2 connection, on which streams are begun, read and reset one by one."""

    def __init__(self, port: int, *, tls: bool = False) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._scheme = "https" if tls else "http"
        if tls:
            self.socket = trusting("h2").wrap_socket(self.socket)
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self._h2.initiate_connection()
        self._answers: dict[int, Answer] = {}
        self._ended: set[int] = set()
        self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    def _flush(self) -> None:
        self.socket.sendall(self._h2.data_to_send())

    def begin(
        self,
        method: str,
        target: str,
        headers: Pairs = (),
        *,
        end: bool = True,
        now: bool = True,
    ) -> int:
        """Send a request's head, unless `now` is false with what follows it, and return the stream's number."""
        number: int = self._h2.get_next_available_stream_id()
        pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        pseudo = [(":method", method), (":scheme", self._scheme), (":authority", "127.0.0.1"), (":path", target)]
        self._h2.send_headers(number, pseudo + pairs, end_stream=end)
        self._answers[number] = Answer(0, "HTTP/2", [], framing="frames", complete=False)
        if now:
            self._flush()
        return number

    def send(self, number: int, data: bytes, *, end: bool = False) -> None:
        """Send a part of a body, as much at a time as the server takes."""
        while data:
            size = min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size, len(data))
            if size == 0:
                self._receive()
                continue
            self._h2.send_data(number, data[:size])
            data = data[size:]
            self._flush()
        if end:
            self._h2.end_stream(number)
            self._flush()

    def reset(self, number: int) -> None:
        """Take no more of a stream; the connection stays."""
        self._h2.reset_stream(number, 8)
        self._flush()

    def _receive(self) -> None:
        data = self.socket.recv(65_536)
        if not data:
            raise EOFError("the server has closed the connection")
        for event in self._h2.receive_data(data):
            answer = self._answers.get(getattr(event, "stream_id", 0))
            if isinstance(event, h2.events.ResponseReceived) and answer:
                answer.headers = [(name, value) for name, value in event.headers if name != ":status"]
                answer.status = int(dict(event.headers)[":status"])
            elif isinstance(event, h2.events.DataReceived) and answer:
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                answer.chunks.append(event.data)
                answer.body += event.data
            elif isinstance(event, h2.events.StreamEnded) and answer:
                answer.complete = True
                self._ended.add(event.stream_id)
            elif isinstance(event, h2.events.StreamReset):
                self._ended.add(event.stream_id)
            elif isinstance(event, h2.events.ConnectionTerminated):
                raise EOFError(f"the server has ended the connection with {event.error_code}")
        self._flush()

    def wait_for_body(self, number: int, size: int) -> Answer:
        """Return the answer so far, once `size` bytes of its body have arrived."""
        while len(self._answers[number].body) < size and number not in self._ended:
            self._receive()
        return self._answers[number]

    def wait_for_head(self, number: int) -> Answer:
        """Return the answer once its head has arrived."""
        while not self._answers[number].status and number not in self._ended:
            self._receive()
        return self._answers[number]

    def has_ended(self, number: int) -> bool:
        """Tell whether a stream has ended or was reset, as far as that has arrived."""
        return number in self._ended

    def answer(self, number: int) -> Answer:
        """Return the answer once its stream has ended."""
        while number not in self._ended:
            self._receive()
        return self._answers[number]

    def request(
        self,
        method: str,
        target: str,
        headers: Pairs = (),
        body: bytes | None = None,
    ) -> Answer:
        """Send one request and return its answer."""
        number = self.begin(method, target, headers, end=body is None, now=False)
        if body is not None and len(body) <= self._h2.max_outbound_frame_size:
            # In one piece: hypercorn closes the whole connection if more of a body comes after its answer.
            self._h2.send_data(number, body, end_stream=True)
        elif body is not None:
            self.send(number, body, end=True)
        self._flush()
        return self.answer(number)
