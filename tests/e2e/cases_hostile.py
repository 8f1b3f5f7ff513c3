# SPDX-License-Identifier: MIT
"""Strangers in numbers who mean harm: while each kind of attack goes on, real peers get in and talk,
and the process under attack keeps to its bounds. The attackers have addresses of their own, as they
have on a network; 127.0.0.0/8 is all this machine."""
import collections
import os
import pathlib
import selectors
import socket
import ssl
import threading
import time

from certificates import Authority
from cases_rfc6455 import BINARY, CONTINUATION, FIN, PING, PONG, frame, request
from harness import DEADLINE_S, Failure, Server, case, check

ATTACKERS = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
CONNECTIONS = 150  # of all attackers together, at a time: more than twice what a session takes
PENDING_MAX = 64   # of a session
SUSPECT_LINKS_PER_S = 16  # of one address
STEP_S = 0.02      # an attacker that drips lets so much time pass between two drops

CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 2
MASK = b"mask"


def endless(piece):
    while True:
        yield piece


def drip(data, then=None):
    for i in range(len(data)):
        yield data[i:i + 1]
    yield from endless(then) if then else endless(b"")


def after(first, rest):
    yield first
    yield from rest


def garbage():
    while True:
        yield os.urandom(1000)


def once(data):
    """Says it, and hangs up."""
    yield data
    yield None


def strange_client():
    """TLS of somebody who trusts everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def client_hello():
    """One that is as it should be, and that nobody has sent before: the other side has to make a key,
    agree on a secret and sign."""
    said = ssl.MemoryBIO()
    try:
        strange_client().wrap_bio(ssl.MemoryBIO(), said).do_handshake()
    except ssl.SSLWantReadError:
        return said.read()


def many(first, payload=b""):
    return frame(MASK, first, payload) * 200


HEAD = request()
# name, whether for ws:// or wss:// or both, what a connection sends piece by piece; None: it hangs up.
ATTACKS = (
    ("silence", "ws wss", lambda: endless(b"")),
    ("connections that come and go", "ws wss", lambda: once(b"")),
    ("garbage", "ws wss", garbage),
    ("a request that drips", "ws", lambda: drip(HEAD[:-2], b"x")),
    ("endless headers", "ws", lambda: after(HEAD[:-2], endless(b"X-More: of the same\r\n" * 50))),
    ("an endless header", "ws", lambda: after(HEAD[:-2] + b"X-Long: ", endless(b"long" * 500))),
    ("an endless line", "ws", lambda: after(b"GET /", endless(b"a" * 2000))),
    ("an upgrade, and silence", "ws", lambda: after(HEAD, endless(b""))),
    ("a HELLO that drips", "ws",
     lambda: after(HEAD, (frame(MASK, FIN | BINARY, drop) for drop in drip(b"\x02\x40\x88KITH")))),
    ("a flood of pings", "ws", lambda: after(HEAD, endless(many(FIN | PING, b"ping")))),
    ("a flood of pongs", "ws", lambda: after(HEAD, endless(many(FIN | PONG)))),
    ("a flood of empty messages", "ws", lambda: after(HEAD, endless(many(FIN | BINARY)))),
    ("a flood of empty fragments", "ws",
     lambda: after(HEAD + frame(MASK, BINARY), endless(many(CONTINUATION)))),
    ("2^62 bytes", "ws",
     lambda: after(HEAD + frame(MASK, FIN | BINARY, b"\x02\x40\x88", 1 << 62), endless(b""))),
    ("a ClientHello that drips", "wss", lambda: drip(CLIENT_HELLO)),
    ("half a ClientHello", "wss", lambda: after(CLIENT_HELLO[:100], endless(b""))),
    ("ClientHellos, and nobody there", "wss", lambda: once(CLIENT_HELLO)),
    ("handshakes that stop half-way", "certificates", lambda: after(client_hello(), endless(b""))),
    ("handshakes, and nobody there", "certificates", lambda: once(client_hello())),
)


def connect_from(address, port):
    """A connection under way; None where the system has no port left for that address, because those that
    have ended keep theirs for a minute."""
    raw = socket.socket()
    raw.setblocking(False)
    try:
        raw.bind((address, 0))
        raw.connect_ex(("127.0.0.1", port))
    except OSError:
        raw.close()
        return None
    return raw


class Attack:
    """Keeps so many connections to a port; each that ends is made anew."""

    def __init__(self, port, talk):
        self.port = port
        self.talk = talk
        self.made = 0
        self.selector = selectors.DefaultSelector()
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def connect(self):
        raw = connect_from(ATTACKERS[self.made % len(ATTACKERS)], self.port)
        self.made += 1
        if raw is not None:
            self.selector.register(raw, selectors.EVENT_READ | selectors.EVENT_WRITE, self.talk())

    def end(self, raw):
        self.selector.unregister(raw)
        raw.close()

    def step(self, raw, talk, events):
        """0 when the connection is over."""
        if events & selectors.EVENT_READ and not raw.recv(65536):
            return False
        if events & selectors.EVENT_WRITE:
            piece = next(talk)
            if piece is None:
                return False
            raw.send(piece)
        return True

    def work(self):
        while not self.is_over.is_set():
            for _ in range(CONNECTIONS - len(self.selector.get_map())):
                self.connect()
            for key, events in self.selector.select():
                try:
                    alive = self.step(key.fileobj, key.data, events)
                except BlockingIOError:
                    continue
                except OSError:
                    alive = False
                if not alive:
                    self.end(key.fileobj)
            self.is_over.wait(STEP_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join(DEADLINE_S)
        for key in list(self.selector.get_map().values()):
            self.end(key.fileobj)
        self.selector.close()


def stats(chat):
    """What /stats says now."""
    count = len(chat.all("stats"))
    chat.say("/stats")
    return chat.expect("stats", count + 1)


def until_stats(chat, what, is_so):
    end = time.monotonic() + DEADLINE_S
    while not is_so(now := stats(chat)):
        check(time.monotonic() < end, f"{what}: {now}")
    return now


def descriptors(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def resident_kib(process):
    """None where a sanitizer keeps what was freed."""
    if "libasan" in pathlib.Path(f"/proc/{process.pid}/maps").read_text():
        return None
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def under_attack(c, name, talk, options, insecure):
    alice = c.chat("alice", *options, insecure=insecure)
    port = alice.port()
    fds, kib = descriptors(alice), resident_kib(alice)
    with Attack(port, talk) as attack:
        # Each place is taken, and some more were refused, or wait.
        until_stats(alice, f"{name}: no attack", lambda now: now["links_accepted"] >= PENDING_MAX)
        for i in range(3):
            bob = c.chat(f"bob{i}", "--connect", alice.url(), *options, insecure=insecure)
            try:
                alice.expect_peer(f"bob{i}")
            except Failure as failure:
                raise Failure(f"{name}: {failure}; {stats(alice)}") from None
            bob.say("made it")
            alice.expect_texts(f"bob{i}", ["made it"])
            bob.leave()
        now = stats(alice)
        open_fds, rss = descriptors(alice), resident_kib(alice)
        check(open_fds <= fds + PENDING_MAX + 20, f"{name}: {open_fds} descriptors, {fds} before")
        # 64 links of up to 64 KiB of ours, and as much of the libraries'.
        check(rss is None or rss <= kib + 16 * 1024, f"{name}: {rss} KiB, {kib} before")
    until_stats(alice, f"{name}: descriptors are left", lambda _: descriptors(alice) <= fds)
    now = stats(alice)
    refused = now["refused_auth"] + now["refused_protocol"] + now["refused_other"]
    check(refused > 0, f"{name}: nobody was refused: {now}")
    check(len(alice.all("peer", state="connected")) == 3, f"{name}: a stranger became a peer")
    alice.leave()


def of_scheme(c, scheme):
    insecure = scheme == "ws"
    options = ()
    if scheme == "wss":
        options = "--key", str(c.new_key()), "--listen", "wss://127.0.0.1:0"
    elif scheme == "certificates":
        root = Authority(c)
        options = "--ca", root.file, *root.leaf("anybody").options()
    for name, schemes, talk in ATTACKS:
        if scheme in schemes.split():
            under_attack(c, name, talk, options, insecure)


@case
def hostile_strangers_ws(c):
    """In clear: what reaches HTTP, the frames, and HELLO."""
    of_scheme(c, "ws")


@case
def hostile_strangers_wss(c):
    """What reaches TLS."""
    of_scheme(c, "wss")


@case
def hostile_handshakes(c):
    """Valid ones, which cost this side more than the attackers."""
    root = Authority(c)
    alice = c.chat("alice", "--ca", root.file, *root.leaf("alice").options())
    with socket.create_connection(("127.0.0.1", alice.port()), DEADLINE_S) as raw:
        raw.sendall(client_hello())
        got = raw.recv(5)  # a record of the handshake: no alert (RFC 8446 §5.1)
        check(got[:1] == b"\x16", f"the answer to a ClientHello begins with {got!r}")
    alice.leave()
    of_scheme(c, "certificates")


# ---- a flood that is faster than the peers are ------------------------------------------------------

FLOOD_KEPT = 300  # connections of a flood that are open: more than a session takes and lets wait
FLIGHT = 200      # connections that attackers make while a peer waits for an answer: three sessions full


class Flood:
    """Connects without end, and lets go of the oldest."""

    def __init__(self, port):
        self.port = port
        self.made = 0
        self.changed = threading.Condition()
        self.is_over = False
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        kept = collections.deque()
        while not self.is_over:
            raw = connect_from(ATTACKERS[self.made % len(ATTACKERS)], self.port)
            if raw is not None:
                kept.append(raw)
            if len(kept) > FLOOD_KEPT or (raw is None and kept):
                kept.popleft().close()
            with self.changed:
                self.made += 1
                self.changed.notify_all()
        for raw in kept:
            raw.close()

    def wait(self, count):
        """Until so many more were made."""
        with self.changed:
            wanted = self.made + count
            self.changed.wait_for(lambda: self.made >= wanted or self.is_over, DEADLINE_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_over = True
        with self.changed:
            self.changed.notify_all()
        self.thread.join(DEADLINE_S)


def far_away(flood, near, port):
    """Relays a connection; whatever is said takes its time."""
    def pump(source, target):
        try:
            while said := source.recv(65536):
                flood.wait(FLIGHT)
                target.sendall(said)
        except OSError:
            pass
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as far:
        back = threading.Thread(target=pump, args=(far, near), daemon=True)
        back.start()
        pump(near, far)
        back.join(DEADLINE_S)


@case
def hostile_flood(c):
    """Peers far away, whose every step takes longer than the attackers need to fill all places."""
    key = c.new_key()
    alice = c.chat("alice", key=key)
    port = alice.port()
    with Flood(port) as flood, Server(lambda near: far_away(flood, near, port)) as relay:
        flood.wait(10 * FLIGHT)
        for i in range(3):
            bob = c.chat(f"bob{i}", "--connect", f"wss://127.0.0.1:{relay.port}", key=key)
            alice.expect_peer(f"bob{i}")
            bob.say("made it")
            alice.expect_texts(f"bob{i}", ["made it"])
            bob.leave()
        now = stats(alice)
        taken, s = now["links_accepted"] - now["refused_suspect"], now["t_ms"] / 1000
        check(now["refused_suspect"] > 0, f"who was refused? {now}")
        check(taken <= len(ATTACKERS) * SUSPECT_LINKS_PER_S * (s + 2) + 2 * PENDING_MAX, f"{taken} taken: {now}")
    alice.leave()
