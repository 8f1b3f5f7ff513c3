# SPDX-License-Identifier: MIT
"""RFC 6455 on the wire, without TLS: frames that a peer must refuse, with the close code that says why,
and frames that it must take. What is expected comes from the RFC, not from what a library does."""
import base64
import hashlib
import os
import queue
import re
import socket
import struct

from cases_dialling import read_head
from harness import DEADLINE_S, Failure, Server, as_stranger, case, check, stranger_connect

FIN, RSV1, RSV2, RSV3 = 0x80, 0x40, 0x20, 0x10
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(mask, first, payload=b"", length=None):
    """§5.2. mask: None, or 4 bytes. length: what the header claims, in 8 bytes."""
    masked = 0x80 if mask is not None else 0
    if length is not None:
        head = struct.pack("!BBQ", first, masked | 127, length)
    elif len(payload) < 126:
        head = struct.pack("!BB", first, masked | len(payload))
    else:
        head = struct.pack("!BBH", first, masked | 126, len(payload))
    if mask is None:
        return head + payload
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


def code(number, reason=b""):
    return struct.pack("!H", number) + reason


# What both sides must refuse: name, frames as (first byte, payload, claimed length), close code.
BROKEN = (
    ("RSV1 without an extension", [(FIN | RSV1 | BINARY, b"x")], 1002),
    ("RSV2", [(FIN | RSV2 | BINARY, b"x")], 1002),
    ("RSV3", [(FIN | RSV3 | BINARY, b"x")], 1002),
    ("RSV1 on a ping", [(FIN | RSV1 | PING,)], 1002),
    *((f"opcode {opcode}", [(FIN | opcode, b"x")], 1002) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
    ("a ping in fragments", [(PING, b"x")], 1002),
    ("a close in fragments", [(CLOSE, code(1000))], 1002),
    ("a ping of 126 bytes", [(FIN | PING, b"x" * 126)], 1002),
    ("a pong with a length in 8 bytes", [(FIN | PONG, b"x", 1)], 1002),
    ("a continuation of nothing", [(FIN | CONTINUATION, b"x")], 1002),
    ("a message inside another", [(BINARY,), (FIN | BINARY,)], 1002),
    ("a length of 2^63", [(FIN | BINARY, b"x", 1 << 63)], 1002),
    ("a close with half a code", [(FIN | CLOSE, b"\x03")], 1002),
    *((f"a close with code {number}", [(FIN | CLOSE, code(number))], 1002)
      for number in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999)),
    ("text", [(FIN | TEXT, b"hello")], 1003),  # §7.4.1: a type of data it cannot accept
    ("a close with a reason", [(FIN | CLOSE, code(1000, b"bye"))], 1000),  # §5.5.1: is echoed
    *((f"a close with code {number}", [(FIN | CLOSE, code(number))], number)
      for number in (1012, 1013, 1014)),  # §11.7: registered since
    ("a close with a code of ours", [(FIN | CLOSE, code(4321))], 4321),
)


class Wire:
    """The frames that come out of a connection."""

    def __init__(self, connection, masked):
        self.connection = connection
        self.masked = masked  # whether what comes must be
        self.masks = []
        connection.settimeout(DEADLINE_S)

    def take(self, count):
        got = b""
        while len(got) < count:
            more = self.connection.recv(count - len(got))
            if not more:
                raise EOFError
            got += more
        return got

    def next(self):
        """The next frame: its first byte and its payload."""
        first, length = self.take(2)
        check(bool(length & 0x80) == self.masked, f"a frame with mask bit {length >> 7} (§5.1)")
        length &= 0x7F
        if length >= 126:
            check(not first & 8, "a control frame of more than 125 bytes")
            length = int.from_bytes(self.take(2 if length == 126 else 8), "big")
        mask = self.take(4) if self.masked else bytes(4)
        self.masks.append(mask)
        return first, bytes(b ^ mask[i % 4] for i, b in enumerate(self.take(length)))

    def until(self, first):
        """The payload of the next such frame; None when the other side closes before."""
        while True:
            try:
                got, payload = self.next()
            except (EOFError, ConnectionResetError):
                return None
            except TimeoutError:
                raise Failure(f"nothing came, and no end, within {DEADLINE_S} s") from None
            if got == first:
                return payload

    def close_code(self):
        payload = self.until(FIN | CLOSE)
        return int.from_bytes(payload[:2], "big") if payload else payload


def http(line, headers):
    """The head of a message; without those headers that are None."""
    lines = [line] + [f"{name.replace('_', '-')}: {value}"
                      for name, value in headers.items() if value is not None]
    return "\r\n".join(lines + ["", ""]).encode()


def request(line="GET / HTTP/1.1", **changed):
    """A client's part of the handshake (§4.1), with other headers, or without those that are None."""
    headers = {"Host": "127.0.0.1", "Upgrade": "websocket", "Connection": "Upgrade",
               "Sec_WebSocket_Key": base64.b64encode(os.urandom(16)).decode(),
               "Sec_WebSocket_Version": "13", "Sec_WebSocket_Protocol": "kith.v1", **changed}
    return http(line, headers)


def client(chat):
    """A connection to a chat, upgraded."""
    raw = stranger_connect(chat.port())
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    raw.sendall(request())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = raw.recv(1)
        check(byte, f"no upgrade: {head!r}")
        head += byte
    check(head.startswith(b"HTTP/1.1 101 "), f"no upgrade: {head!r}")
    return raw


def upgrade(connection, line="HTTP/1.1 101 Switching Protocols", **changed):
    """A server's part of the handshake (§4.2.2), with other headers, or without those that are None."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = re.search(r"^Sec-WebSocket-Key: (\S+)", read_head(connection), re.M | re.I).group(1)
    accept = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    connection.sendall(http(line, {
        "Upgrade": "websocket", "Connection": "Upgrade",
        "Sec_WebSocket_Accept": base64.b64encode(accept).decode(),
        "Sec_WebSocket_Protocol": "kith.v1", **changed}))


def expect_closed(name, wire, frames, expected):
    wire.connection.sendall(b"".join(frames))
    got = wire.close_code()
    check(got == expected, f"{name}: close code {got} instead of {expected}")


def meet_listener(chat, talk):
    """talk(wire) with a listener, as a stranger who connects to it."""
    def once():
        with client(chat) as raw:
            talk(Wire(raw, masked=False))
    as_stranger(once)


def meet_dialler(c, talk):
    """talk(wire) with a dialler. It dials on after most of what it hears, so each time it is a new one,
    and its first connection counts."""
    def once():
        outcome = queue.Queue()

        def serve(connection):
            try:
                upgrade(connection)
                talk(Wire(connection, masked=True))
                outcome.put(None)
            except Exception as problem:
                outcome.put(problem)

        with Server(serve) as server:
            bob = c.chat("bob", "--connect", f"ws://127.0.0.1:{server.port}", insecure=True)
            problem = outcome.get(timeout=DEADLINE_S)
            bob.end()
        if problem is not None:
            raise problem
    as_stranger(once)


@case
def rfc6455_server(c):
    """What a stranger may not send to a listener."""
    alice = c.chat("alice", insecure=True)
    for name, frames, expected in BROKEN:
        data = [frame(os.urandom(4), *f) for f in frames]
        meet_listener(alice, lambda wire: expect_closed(name, wire, data, expected))
    for first in (FIN | BINARY, FIN | PING, FIN | CLOSE):
        meet_listener(alice, lambda wire: expect_closed("no mask", wire, [frame(None, first)], 1002))
    bob = c.chat("bob", "--connect", alice.url(), insecure=True)
    alice.expect_peer("bob")
    check(len(alice.all("peer")) == 1, "alice reported a stranger as a peer")
    bob.leave()
    alice.leave()


@case
def rfc6455_client(c):
    """What a server may not send to a dialler."""
    for name, frames, expected in BROKEN:
        data = [frame(None, *f) for f in frames]
        meet_dialler(c, lambda wire: expect_closed(name, wire, data, expected))
    for first in (FIN | BINARY, FIN | PING, FIN | CLOSE):
        meet_dialler(c, lambda wire: expect_closed("a mask", wire, [frame(b"mask", first)], 1002))


def expect_taken(wire, mask):
    """What each side must take, shown by the pong that follows (§5.5.3)."""
    for name, frames, pong in (
            ("an empty ping", [(FIN | PING,)], b""),
            ("a ping of 125 bytes", [(FIN | PING, b"x" * 125)], b"x" * 125),
            ("a pong that nobody asked for", [(FIN | PONG, b"x"), (FIN | PING, b"1")], b"1"),
            ("an empty message", [(FIN | BINARY,), (FIN | PING, b"2")], b"2"),
            ("a ping between fragments",
             [(BINARY,), (CONTINUATION,), (FIN | PING, b"3"), (FIN | CONTINUATION,)], b"3"),
            ("lengths of more bytes than needed",
             [(FIN | BINARY, b"", 0), (FIN | PING, b"4")], b"4")):
        data = b"".join(frame(mask and os.urandom(4), *f) for f in frames)
        for size in (len(data), 1):  # at once, then byte by byte
            for i in range(0, len(data), size):
                wire.connection.sendall(data[i:i + size])
            got = wire.until(FIN | PONG)
            check(got == pong, f"{name}: the pong says {got}")
    # Of two at once the last is answered, whatever becomes of the first (§5.5.3).
    wire.connection.sendall(b"".join(frame(mask and os.urandom(4), FIN | PING, text) for text in (b"5", b"6")))
    while (got := wire.until(FIN | PONG)) == b"5":
        pass
    check(got == b"6", f"two pings at once: the pong says {got}")
    # 2^62 bytes are as good as any; what they say is not. Nobody waits for them or makes room.
    wire.connection.sendall(frame(mask and os.urandom(4), FIN | BINARY, b"\xff" * 5000, 1 << 62))
    got = wire.close_code()
    check(got is not None and got >= 4000, f"2^62 bytes: close code {got} instead of one of ours")


@case
def rfc6455_taken(c):
    """What both sides must take."""
    alice = c.chat("alice", insecure=True)
    meet_listener(alice, lambda wire: expect_taken(wire, mask=True))
    meet_dialler(c, lambda wire: expect_taken(wire, mask=None))
    alice.leave()


# ---- the opening handshake --------------------------------------------------------------------------

# What a listener must refuse (§4.2.1), with an answer that says why (§4.2.2); and what it must take: 101.
REQUESTS = (
    ("as it should be", 101, request()),
    ("names of headers in lower case", 101, request().replace(b"Sec-WebSocket-", b"sec-websocket-")),
    ("Upgrade in other letters", 101, request(Upgrade="WebSocket")),
    ("Connection with more in it", 101, request(Connection="keep-alive, upgrade")),
    ("several subprotocols", 101, request(Sec_WebSocket_Protocol="chat,kith.v1")),
    ("extensions, which are offers", 101, request(Sec_WebSocket_Extensions="permessage-deflate")),
    ("an origin, which is a browser's", 101, request(Origin="http://192.0.2.1")),
    ("a query", 101, request("GET /?a=b HTTP/1.1")),
    ("no key", 400, request(Sec_WebSocket_Key=None)),
    ("an empty key", 400, request(Sec_WebSocket_Key="")),
    ("a key of 2 bytes", 400, request(Sec_WebSocket_Key="YWI=")),
    ("a key of 17 bytes", 400, request(Sec_WebSocket_Key="MDEyMzQ1Njc4OWFiY2RlZmc=")),
    ("a key that is no base64", 400, request(Sec_WebSocket_Key="!!!!!!!!!!!!!!!!!!!!!!==")),
    ("version 8", 426, request(Sec_WebSocket_Version="8")),
    ("version 14", 426, request(Sec_WebSocket_Version="14")),
    ("version 130", 426, request(Sec_WebSocket_Version="130")),
    ("no version", 426, request(Sec_WebSocket_Version=None)),
    ("no subprotocol", 400, request(Sec_WebSocket_Protocol=None)),
    ("another subprotocol", 400, request(Sec_WebSocket_Protocol="chat")),
    ("a longer subprotocol", 400, request(Sec_WebSocket_Protocol="kith.v10")),
    ("a subprotocol in other letters", 400, request(Sec_WebSocket_Protocol="Kith.V1")),
    ("another path", 404, request("GET /chat HTTP/1.1")),
    ("HTTP/1.0", 505, request("GET / HTTP/1.0")),
    ("POST", 405, request("POST / HTTP/1.1")),
    ("HEAD", 405, request("HEAD / HTTP/1.1")),
    ("a body", 400, request(Content_Length="5") + b"hello"),
    ("no host", 400, request(Host=None)),
    ("no Upgrade", 426, request(Upgrade=None)),
    ("an upgrade to HTTP/2", 426, request(Upgrade="h2c")),
    ("no Connection", 426, request(Connection=None)),
    ("a connection that is to close", 426, request(Connection="close")),
    # What cannot be read gets no answer.
    ("headers without end", None, request()[:-2] + b"X-More: of the same\r\n" * 5000),
    ("a long header", None, request(X_Long="x" * 100000)),
    ("a long path", None, request("GET /" + "a" * 100000 + " HTTP/1.1")),
)


def answer_of(chat, data):
    """The status of the answer, None for none, and its head."""
    head = b""
    with stranger_connect(chat.port()) as raw:
        try:
            raw.sendall(data)
            while b"\r\n\r\n" not in head and (more := raw.recv(4096)):
                head += more
            while not head.startswith(b"HTTP/1.1 101 ") and raw.recv(4096):
                pass  # it closes
        except (ConnectionResetError, BrokenPipeError):
            pass
        except TimeoutError:
            raise Failure(f"neither an answer nor an end: {head!r}") from None
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", head)
    return int(found.group(1)) if found else None, head


@case
def rfc6455_requests(c):
    """What a listener takes for a request, and what it answers to others."""
    alice = c.chat("alice", insecure=True)

    def ask(name, expected, data):
        status, head = answer_of(alice, data)
        check(status == expected, f"{name}: {status} instead of {expected}: {head[:300]!r}")
        if status == 426:  # §4.4; RFC 9110 §15.5.22
            check(b"Sec-WebSocket-Version: 13\r\n" in head and b"Upgrade: websocket\r\n" in head,
                  f"{name}: {head!r}")
    for one in REQUESTS:
        as_stranger(lambda: ask(*one))
    bob = c.chat("bob", "--connect", alice.url(), insecure=True)
    alice.expect_peer("bob")
    bob.leave()
    alice.leave()


# What a dialler must not take for an answer (§4.1): the first line, and headers that are different.
RESPONSES = (
    ("another accept key", {"Sec_WebSocket_Accept": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}),
    ("no accept key", {"Sec_WebSocket_Accept": None}),
    ("no subprotocol", {"Sec_WebSocket_Protocol": None}),
    ("another subprotocol", {"Sec_WebSocket_Protocol": "chat"}),
    ("two subprotocols", {"Sec_WebSocket_Protocol": "kith.v1, chat"}),
    ("an extension that nobody asked for", {"Sec_WebSocket_Extensions": "permessage-deflate"}),
    ("no Upgrade", {"Upgrade": None}),
    ("an upgrade to something else", {"Upgrade": "h2c"}),
    ("no Connection", {"Connection": None}),
    ("a connection that is to close", {"Connection": "close"}),
    ("HTTP/1.0", {"line": "HTTP/1.0 101 Switching Protocols"}),
    *((f"status {status}", {"line": f"HTTP/1.1 {status} Something"})
      for status in (100, 102, 200, 204, 400, 401, 404, 407, 426, 500, 503)),
    *((f"a redirect, {status}", {"line": f"HTTP/1.1 {status} Elsewhere", "Location": "/elsewhere"})
      for status in (301, 302, 303, 307, 308)),
)


@case
def rfc6455_responses(c):
    """What a dialler does not take for an upgrade: it says why, sends nothing, and dials nowhere else."""
    for name, changed in RESPONSES:
        said = []

        def serve(connection):
            upgrade(connection, **changed)
            while more := connection.recv(4096):
                said.append(more)

        with Server(serve) as server:
            bob = c.chat("bob", "--connect", f"ws://127.0.0.1:{server.port}", insecure=True)
            failed = bob.expect("dial", state="failed")
            check(failed["reason"] == "NOT_KITH", f"{name}: {failed}")
            bob.expect_exit(1)
        check(not said, f"{name}: it was taken, and answered with {said}")


# Far more than the 1000 in a second that each side takes, wherever a second begins.
FLOODS = (
    ("pings", [(FIN | PING, b"x")] * 5000),
    ("empty pings", [(FIN | PING,)] * 5000),
    ("pongs", [(FIN | PONG, b"x")] * 5000),
    ("empty pongs", [(FIN | PONG,)] * 5000),
    ("empty messages", [(FIN | BINARY,)] * 5000),
    ("empty fragments", [(BINARY,)] + [(CONTINUATION,)] * 5000),
)


@case
def rfc6455_floods(c):
    """Frames that move nothing are cheap to send: of too many the connection ends (§7.4.1, 1008)."""
    alice = c.chat("alice", insecure=True)
    for name, frames in FLOODS:
        masked = b"".join(frame(b"mask", *f) for f in frames)
        plain = b"".join(frame(None, *f) for f in frames)
        meet_listener(alice, lambda wire: expect_closed(name, wire, [masked], 1008))
        meet_dialler(c, lambda wire: expect_closed(name, wire, [plain], 1008))
    alice.leave()


@case
def rfc6455_masks(c):
    """A dialler masks each frame with another key, which nobody can guess (§5.3). Kept random bytes run
    out in between."""
    masks = []

    def talk(wire):
        for number in range(300):
            wire.connection.sendall(frame(None, FIN | PING, b"%d" % number))
            check(wire.until(FIN | PONG) == b"%d" % number, "another pong than asked for")
        masks.extend(wire.masks)

    meet_dialler(c, talk)
    check(len(masks) >= 300, f"{len(masks)} frames")
    # Of 300 random numbers of 32 bits two are alike once in 100000 runs; of a byte's values all come.
    check(len(set(masks)) >= len(masks) - 1, "a mask came twice")
    for i in range(4):
        values = len({mask[i] for mask in masks})
        check(values > 100, f"byte {i} of {len(masks)} masks had {values} values")


@case
def websocket_log(c):
    """What the WebSocket library has to say comes as Kith's log, to those who want it."""
    for options, wanted in ((("--verbose", "--verbose"), True), ((), False)):
        alice = c.chat("alice", *options, insecure=True)
        bad = [frame(os.urandom(4), FIN | BINARY, b"x", 1 << 63)]
        meet_listener(alice, lambda wire: expect_closed("a length of 2^63", wire, bad, 1002))
        alice.leave()
        said = any("lws: " in line and "b63" in line for line in alice.stderr)
        check(said == wanted, f"{options}: {alice.stderr_text()[-500:]}")
        check(all(line.startswith("kith-chat: ") for line in alice.stderr), alice.stderr_text()[-500:])
