# SPDX-License-Identifier: MIT
"""Peers that others could have written: tests/interop, from core/PROTOCOL.md alone, in other languages
and on other TLS and WebSocket libraries. Each goes through the whole handshake and talks."""
import json
import os
import pathlib
import ssl
import subprocess
import sys

from cases_hostile import strange_client
from cases_rfc6455 import CLOSE, FIN, PING, TEXT, code, frame, request
from certificates import Authority, alone
from harness import DEADLINE_S, Failure, Process, as_stranger, case, check, stranger_connect

INTEROP = pathlib.Path(__file__).resolve().parents[1] / "interop"


class Stranger(Process):
    """One of these peers: an object of JSON per line."""

    def event(self, kind, **fields):
        def find():
            for line in list(self.stdout):
                event = json.loads(line)
                if event["event"] == kind and all(event.get(k) == v for k, v in fields.items()):
                    return event
            return None
        return self.wait(f"the event {kind} {fields}", find)


def talk(c, stranger_of, chat_options, expected_level, *options, arbiter):
    """Messages of some sizes both ways, and a farewell; the stranger or the chat is the arbiter."""
    alice = c.chat("alice", *chat_options[0], **chat_options[1])
    own_id = alice.expect("open")["id"]
    url = alice.url()
    stranger = stranger_of(c, url, "kith-chat", "strånger", *options,
                           "--above" if arbiter else "--below", own_id)
    check(stranger.event("hello")["id"] == own_id, "it takes alice for somebody else")
    check(stranger.event("info", name="alice")["arbiter"] == arbiter, "the other one is the arbiter")
    peer = alice.expect_peer("strånger")
    check(peer["level"] == expected_level, f"{peer}")
    stranger.event("connected")
    texts = ["hello", "", "ünï " * 20, "x" * 20000, "the end"]
    for text in texts:
        stranger.say(text)
        alice.say(text)
    alice.expect_texts("strånger", texts)
    for text in texts:
        stranger.event("message", text=text)
    alice.expect("delivered", name="strånger", ticket=len(texts))
    stranger.event("delivered")
    stranger.close_input()
    departed = alice.expect_peer("strånger", "departed")
    check((departed["reason"], departed["text"]) == ("LEFT", "bye"), f"{departed}")
    stranger.expect_exit(0)
    alice.leave()
    check(not alice.stderr, f"alice complains: {alice.stderr_text()}")


def both_ways(c, *arguments):
    for arbiter in (True, False):
        talk(c, *arguments, arbiter=arbiter)


def node(c, *arguments):
    """Node with the package ws, which Debian keeps where only its own Node looks by itself."""
    os.environ["NODE_PATH"] = ":".join(filter(None, (os.environ.get("NODE_PATH"), "/usr/share/nodejs")))
    return c.start("node", INTEROP / "peer.js", *arguments, kind=Stranger)


def python(c, *arguments):
    """The Python that has the package websockets; Debian gives it to its own only."""
    for interpreter in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([interpreter, "-c", "import websockets"], capture_output=True, timeout=DEADLINE_S,
                          check=False).returncode == 0:
            return c.start(interpreter, INTEROP / "peer.py", *arguments, kind=Stranger)
    raise Failure("Python's package websockets is not installed; tests/run does that")


@case
def python_in_clear(c):
    both_ways(c, python, ((), {"insecure": True}), "NONE")


@case
def node_with_tls13(c):
    key = c.new_key()
    both_ways(c, node, ((), {"key": key}), "IDENTITY", "--key", key)


@case
def node_with_tls12(c):
    key = c.new_key()
    both_ways(c, node, (("--tls12",), {"key": key}), "GROUP", "--key", key, "--tls", "1.2")


@case
def node_in_clear(c):
    both_ways(c, node, ((), {"insecure": True}), "NONE")


@case
def node_with_certificates(c):
    """Both sides' certificates stand in what both sign."""
    root = Authority(c)
    one, two = root.leaf("alice"), root.leaf("stranger")
    both_ways(c, node, (("--ca", root.file, *one.options()), {}), "IDENTITY", "--ca", root.file, *two.options())


@case
def node_without_a_certificate(c):
    """It has none, where one is only wanted or not asked for: zeros stand for it."""
    root = Authority(c)
    one = root.leaf("alice")
    for how in ("wanted", "none"):
        talk(c, node, (("--ca", root.file, "--client-certs", how, *one.options()), {}), "IDENTITY", "--ca",
             root.file, arbiter=True)


@case
def node_waits_for_an_answer(c):
    """While alice is asked about its certificate, it is told how long that may take."""
    root = Authority(c)
    one, two = root.leaf("alice"), alone(c, "stranger")
    alice = c.chat("alice", "--ca", root.file, *one.options())
    stranger = node(c, alice.url(), "kith-chat", "stranger", "--ca", root.file, *two.options())
    question = alice.expect("question", sha256=two.sha256())
    check(stranger.event("wait")["ms"] == question["timeout_ms"], "it is told another time")
    alice.say("/accept")
    stranger.event("connected")
    stranger.say("at last")
    alice.expect_texts("stranger", ["at last"])
    stranger.event("delivered")
    alice.say("/distrust stranger")
    stranger.event("close", reason=5)
    stranger.expect_exit(0)
    refused = node(c, alice.url(), "kith-chat", "stranger", "--ca", root.file, *two.options())
    refused.event("close", reason=23)
    refused.event("closed", code=4023)
    check(not [line for line in refused.stdout if '"hello"' in line], "alice said HELLO all the same")
    alice.leave()


@case
def node_with_another_key(c):
    alice = c.chat("alice", key=c.new_key())
    stranger = node(c, alice.url(), "kith-chat", "stranger", "--key", c.new_key("other.key"))
    stranger.expect_exit(1)
    check(not stranger.stdout and "alert" in stranger.stderr_text(), stranger.stderr_text())
    check(not alice.all("peer"), "alice saw a peer")
    alice.leave()


@case
def node_in_another_session(c):
    """Who does not know the session's name learns nothing but that: no HELLO, and the reason."""
    key = c.new_key()
    alice = c.chat("alice", key=key)
    stranger = node(c, alice.url(), "another", "stranger", "--key", key)
    stranger.event("close", reason=13)
    stranger.event("closed", code=4013)
    check(len(stranger.stdout) == 2, f"it learned more: {stranger.stdout}")
    alice.leave()


# ---- all at once ------------------------------------------------------------------------------------

PING_FRAME = frame(b"mask", FIN | PING, b"ping")
LAST = frame(b"mask", FIN | TEXT, b"no text")     # is answered
ANSWER = frame(None, FIN | CLOSE, code(1003))
HEAD = request()
# What is written, record by record.
RECORDS = (
    (HEAD, PING_FRAME, LAST),
    (HEAD + PING_FRAME, LAST),
    (HEAD + PING_FRAME + LAST,),
    (HEAD[:50], HEAD[50:], PING_FRAME[:3], PING_FRAME[3:] + LAST[:1], LAST[1:]),
    (HEAD, *[PING_FRAME] * 40, LAST),  # more than is read ahead
    (HEAD + PING_FRAME, *[PING_FRAME] * 40, LAST),
)


def at_once(port, records):
    """Sends the end of the TLS handshake, a request, and frames, as one segment; waits for the answer."""
    heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = strange_client().wrap_bio(heard, said)
    with stranger_connect(port) as raw:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                raw.sendall(said.read())
                heard.write(raw.recv(65536))
        for record in records:
            tls.write(record)
        raw.sendall(said.read())
        got = b""
        while not got.endswith(ANSWER):
            try:
                got += tls.read(65536)
            except ssl.SSLWantReadError:
                try:
                    data = raw.recv(65536)
                except TimeoutError:
                    raise Failure(f"{len(records)} records: nothing came after {got!r}") from None
                check(data, f"{len(records)} records: it hung up after {got!r}")
                heard.write(data)


@case
def all_at_once(c):
    """Nothing that came with the end of the TLS handshake, or behind the request, is left lying: no more
    will come to wake whoever should read it."""
    root = Authority(c)
    alice = c.chat("alice", "--ca", root.file, "--client-certs", "none", *root.leaf("alice").options())

    for records in RECORDS:
        as_stranger(lambda: at_once(alice.port(), records))
    alice.leave()
