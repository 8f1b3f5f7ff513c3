# SPDX-License-Identifier: MIT
"""Dialling what is not there, not yet there, not a peer, or not the right one."""
import base64
import hashlib
import os
import re
import socket
import struct

from harness import DEADLINE_S, Server, case, check, free_port


def expect_failed(chat, reason):
    failed = chat.expect("dial", state="failed")
    check(failed["reason"] == reason, f"the reason was {failed['reason']}, not {reason}: {failed}")
    chat.expect("error", code="NOBODY")
    chat.expect_exit(1)
    return failed


def read_head(connection):
    head = b""
    while b"\r\n\r\n" not in head:
        more = connection.recv(4096)
        if not more:
            raise OSError("closed")
        head += more
    return head.decode("latin-1")


def web_page(connection):
    read_head(connection)
    body = b"<html>hello</html>"
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s"
                       % (len(body), body))


def strange_websocket(connection):
    """A proper WebSocket server (RFC 6455 §4.2.2), which talks about something else."""
    head = read_head(connection)
    key = re.search(r"^Sec-WebSocket-Key: (\S+)", head, re.M | re.I).group(1)
    accept = base64.b64encode(hashlib.sha1(
        key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    wanted = re.search(r"^Sec-WebSocket-Protocol: ([^\s,]+)", head, re.M | re.I)
    protocol = b"Sec-WebSocket-Protocol: %s\r\n" % wanted.group(1).encode() if wanted else b""
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                       b"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n"
                       % (accept, protocol))
    text = b"what a lovely day; this is no peer but a chat about the weather" * 3
    connection.sendall(b"\x82\x7e" + struct.pack("!H", len(text)) + text)
    while connection.recv(4096):
        pass


def silence(connection):
    """Takes everything and says nothing, until the other side has had enough."""
    while connection.recv(4096):
        pass


@case
def not_kith_http(c):
    """A web server, in clear."""
    with Server(web_page) as server:
        bob = c.chat("bob", "--connect", f"ws://127.0.0.1:{server.port}", insecure=True)
        expect_failed(bob, "NOT_KITH")


def no_tls(connection):
    """Hears it out: whoever closes with something unread takes back what was said."""
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    connection.shutdown(socket.SHUT_WR)
    silence(connection)


@case
def not_kith_tls(c):
    """A web server without TLS where TLS is expected."""
    with Server(no_tls) as server:
        bob = c.chat("bob", "--connect", f"wss://127.0.0.1:{server.port}", key=c.new_key())
        expect_failed(bob, "NOT_KITH")


@case
def not_kith_websocket(c):
    """A WebSocket server that is no peer."""
    with Server(strange_websocket) as server:
        bob = c.chat("bob", "--connect", f"ws://127.0.0.1:{server.port}", insecure=True)
        failed = bob.expect("dial", state="failed")
        check(failed["reason"] in ("NOT_KITH", "PROTOCOL"), f"{failed}")
        bob.expect_exit(1)


@case
def silent_server(c):
    """One that accepts and never answers costs a time-out, and no more than that."""
    with Server(silence) as server:
        bob = c.chat("bob", "--connect", f"wss://127.0.0.1:{server.port}", key=c.new_key())
        bob.expect("dial", state="waiting", reason="TIMEOUT")
        bob.leave()


@case
def garbage_does_no_harm(c):
    """Strangers who knock at our port with whatever: those inside do not notice."""
    key = c.new_key()
    alice = c.chat("alice", key=key)
    bob = c.chat("bob", "--connect", alice.url(), key=key)
    bob.expect_peer("alice")
    held = []
    for garbage in (b"", b"\x00", os.urandom(1000), b"\x16\x03\x01\x40\x00\x01" + os.urandom(2000),
                    b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\x80" * 70000):
        raw = socket.create_connection(("127.0.0.1", alice.port()), DEADLINE_S)
        try:
            raw.sendall(garbage)
        except OSError:
            pass
        held.append(raw)  # and stays there, half open
    for i, raw in enumerate(held):
        bob.say(f"line {i}")
        if i % 2:
            raw.close()
    alice.expect_texts("bob", [f"line {i}" for i in range(len(held))])
    check(len(alice.all("peer")) == 1, "alice reported a stranger as a peer")
    bob.leave()
    alice.leave()
    for raw in held:
        raw.close()


@case
def garbage_on_plain_port(c):
    """The same without TLS in front, where more of our own code hears it."""
    alice = c.chat("alice", insecure=True)
    bob = c.chat("bob", "--connect", alice.url(), insecure=True)
    bob.expect_peer("alice")
    head = (b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Protocol: kith\r\n\r\n")
    mask = b"\x82\xfe\x00\x88\x00\x00\x00\x00"  # masked, 136 bytes
    held = []
    for garbage in (os.urandom(4000), head, head + mask + b"KITH" + os.urandom(132),
                    head + mask + bytes(136), head + b"\x82\xff\x40" + bytes(11) + b"KITH" * 100,
                    head + b"\x81\x05hello", b"GET /" + b"a" * 100000):
        raw = socket.create_connection(("127.0.0.1", alice.port()), DEADLINE_S)
        try:
            raw.sendall(garbage)
        except OSError:
            pass
        held.append(raw)
    for i in range(len(held)):
        bob.say(f"line {i}")
    alice.expect_texts("bob", [f"line {i}" for i in range(len(held))])
    check(len(alice.all("peer")) == 1, "alice reported a stranger as a peer")
    bob.leave()
    alice.leave()
    for raw in held:
        raw.close()


@case
def other_session(c):
    key = c.new_key()
    alice = c.chat("alice", "--session", "garden", key=key)
    bob = c.chat("bob", "--session", "kitchen", "--connect", alice.url(), key=key)
    failed = expect_failed(bob, "SESSION")
    check("--session" in bob.stderr_text(), f"no next step in {bob.stderr_text()!r}, {failed}")
    check(not alice.all("peer"), "alice saw a peer")
    alice.leave()


@case
def self_dial(c):
    url = f"wss://127.0.0.1:{free_port()}"
    alice = c.chat("alice", "--listen", url, "--connect", url, key=c.new_key())
    expect_failed(alice, "SELF")
    check(not alice.all("peer"), "alice met herself")


@case
def refused_then_up(c):
    """Whoever is dialled may come later."""
    key = c.new_key()
    url = f"wss://127.0.0.1:{free_port()}"
    bob = c.chat("bob", "--connect", url, key=key)
    waiting = bob.expect("dial", state="waiting", count=2)
    check(waiting["reason"] == "REFUSED" and waiting["retry_in_ms"] > 0, f"{waiting}")
    alice = c.chat("alice", "--listen", url, key=key)
    bob.expect("dial", state="ready")
    bob.expect_peer("alice")
    alice.expect_peer("bob")
    bob.leave()
    alice.leave()


@case
def both_dial(c):
    """Two who dial each other at once become one pair, and talk."""
    key = c.new_key()
    a, b = (f"wss://127.0.0.1:{free_port()}" for _ in range(2))
    alice = c.chat("alice", "--listen", a, "--connect", b, key=key)
    bob = c.chat("bob", "--listen", b, "--connect", a, key=key)
    alice.expect_peer("bob")
    bob.expect_peer("alice")
    alice.say("hello bob")
    bob.say("hello alice")
    alice.expect_texts("bob", ["hello alice"])
    bob.expect_texts("alice", ["hello bob"])
    bob.leave()
    alice.expect_peer("bob", "departed", reason="LEFT")
    for chat, name in ((alice, "bob"), (bob, "alice")):
        seen = len(chat.all("peer", name=name, state="connected"))
        check(seen == 1, f"{name} connected {seen} times")
    alice.leave()


@case
def name_unknown(c):
    """A host that cannot exist: no part of a name has more than 63 characters (RFC 1035 §2.3.4). So no
    name server is asked, which may be far away or not there."""
    bob = c.chat("bob", "--connect", f"wss://{'x' * 64}.invalid:4242", key=c.new_key())
    event = bob.expect("dial", reason="NAME")
    check(event["state"] in ("waiting", "failed") and event["detail"], f"{event}")
    bob.close_input()
    bob.wait_exit()


@case
def port_in_use(c):
    """Listening where somebody else does is a failure at once, with a reason."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"wss://127.0.0.1:{taken.getsockname()[1]}"
        alice = c.chat("alice", "--listen", url, key=c.new_key())
        error = alice.expect("error", code="IN_USE")
        check(url in error["text"], f"{error}")
        alice.expect_exit(1)


@case
def urls_that_cannot_be(c):
    key = c.new_key()
    for option, url in (("--connect", "wss://127.0.0.1"), ("--connect", "wss://127.0.0.1:0"),
                        ("--connect", "wss://127.0.0.1:99999"), ("--connect", "127.0.0.1:4242"),
                        ("--connect", "gopher://127.0.0.1:70"), ("--connect", ""),
                        ("--listen", "wss://nowhere.example:0"), ("--listen", "wss://[::1:0"),
                        ("--connect", "wss://" + "a" * 400 + ":1")):
        done = c.run("--key", key, option, url)
        check(done.status == 2, f"{option} {url[:40]!r}: status {done.status}: {done.stderr_text()}")
        check(option[2:] in done.stderr_text(), f"{option} {url[:40]!r}: {done.stderr_text()!r}")
