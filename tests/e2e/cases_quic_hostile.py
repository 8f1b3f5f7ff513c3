# SPDX-License-Identifier: MIT
"""Who can send a packet can send it to a QUIC port: garbage, forgeries, and first packets from
addresses that are not the sender's. Those who are connected notice nothing, a newcomer gets in, and
what it costs stays within bounds."""
import random
import secrets
import socket
import sys

from cases_hostile import stats
from harness import Skipped, case, check

VERSION_1 = bytes([0, 0, 0, 1])
GARBAGE = 300_000
INITIALS = 60_000
UNPROVED_PER_S = 250  # core/bounds.h
GROWTH_KIB = 64 * 1024  # far above what was ever seen, far below what one link for each packet takes
ALICE = ("--topology", "server", "--listen", "quic://127.0.0.1:0")
BOB = ("--topology", "client", "--connect")


def pair(c, key):
    alice = c.chat("alice", *ALICE, key=key)
    bob = c.chat("bob", *BOB, alice.url(), key=key)
    alice.expect_peer("bob")
    bob.expect_peer("alice")
    return alice, bob


def rss_kib(chat):
    try:
        with open(f"/proc/{chat.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    except OSError:
        return 0


def check_memory(c, chat, before, what):
    grown = rss_kib(chat) - before
    c.notes.append(f"{what}: {chat.name} grew by {grown} KiB")
    if "libasan" not in open(f"/proc/{chat.pid}/maps").read():  # which keeps what was freed
        check(grown < GROWTH_KIB, f"{what}: {chat.name} grew by {grown} KiB")


def long_header(kind, version, destination, source, rest):
    """RFC 9000 section 17.2."""
    return (bytes([0xc0 | kind << 4 | 3]) + version + bytes([len(destination)]) + destination
            + bytes([len(source)]) + source + rest)


def initial(rng, token=b"", size=1200):
    """A first packet whose head is right; what is encrypted is noise."""
    head = long_header(0, VERSION_1, rng.randbytes(16), rng.randbytes(16), bytes([len(token)]) + token)
    left = size - len(head) - 2
    return head + (0x4000 | left).to_bytes(2, "big") + rng.randbytes(left)


def noise(rng):
    """Of every kind that a router of packets has a branch for."""
    kind = rng.randrange(8)
    size = rng.randrange(1, 1400)
    if kind == 0:
        return rng.randbytes(size)
    if kind == 1:  # a short header for nobody, which is what resets answer
        return bytes([0x40 | rng.randrange(64)]) + rng.randbytes(size)
    if kind == 2:
        return initial(rng)
    if kind == 3:
        return initial(rng)[:size]
    if kind == 4:  # another version
        return long_header(0, rng.randbytes(4), rng.randbytes(8), rng.randbytes(8), rng.randbytes(1200))
    if kind == 5:  # a version negotiation
        return long_header(0, bytes(4), rng.randbytes(8), rng.randbytes(8), rng.randbytes(4 * rng.randrange(9)))
    if kind == 6:  # a Handshake, a Retry or 0-RTT for nobody
        return long_header(rng.randrange(1, 4), VERSION_1, rng.randbytes(16), rng.randbytes(8), rng.randbytes(size))
    return initial(rng, token=b"\xb7" + rng.randbytes(60))  # a token that we did not make


@case
def quic_garbage(c):
    """300 000 packets of nonsense, while two talk, and one more comes."""
    alice, bob = pair(c, c.new_key())
    rng = random.Random(7)
    packets = [noise(rng) for _ in range(5000)]
    lines = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.connect(("127.0.0.1", alice.port()))
        stranger.setblocking(False)
        before = rss_kib(alice)
        sent = answered = 0
        while sent < GARBAGE:
            try:
                stranger.send(packets[sent % len(packets)])
                sent += 1
                if sent % 20 == 0:
                    answered += len(stranger.recv(2048))
            except OSError:  # full, or nothing was answered
                pass
            if sent % 10_000 == 0 and len(lines) < sent // 10_000:
                lines.append(f"after {sent}")
                bob.say(lines[-1])
                alice.expect_texts("bob", lines)  # it waits, so that all are really read
    now = stats(alice)
    check_memory(c, alice, before, f"{GARBAGE} packets of nonsense")
    c.notes.append(f"{now['packets_ignored']} were ignored, {now['addresses_asked']} asked where they are, "
                   f"{now['links_accepted']} began a connection")
    check(now["packets_ignored"] > 1000 and now["addresses_asked"] > 0, f"nobody counted: {now}")
    check(len(alice.all("peer", state="connected")) == 1, "somebody came of that")
    for one in (alice, bob):
        for state in ("interrupted", "departed"):
            check(not one.all("peer", state=state), f"{one.name} noticed")
    bob.leave()
    alice.leave()


@case
def quic_first_packets_from_everywhere(c):
    """Each from an address of its own, as who forges them has it: the session keeps nothing of most of
    them, and somebody real gets in meanwhile."""
    if sys.platform != "linux":
        raise Skipped("only Linux has all of 127.0.0.0/8 on its loopback interface")
    key = c.new_key()
    alice, bob = pair(c, key)
    rng = random.Random(8)
    strangers = []
    for i in range(200):
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stranger.bind((f"127.2.{i // 250}.{i % 250 + 1}", 0))
        stranger.connect(("127.0.0.1", alice.port()))
        stranger.setblocking(False)
        strangers.append(stranger)
    packets = [initial(rng) for _ in range(500)]
    before = rss_kib(alice)
    carol = None
    said = []
    for sent in range(INITIALS):
        # An id that was not seen before: each is a stranger anew.
        packet = packets[sent % len(packets)]
        packet = packet[:6] + sent.to_bytes(8, "big") + packet[14:]
        try:
            strangers[sent % len(strangers)].send(packet)
        except OSError:
            pass
        if sent % 1000 == 0:  # all of them are looked at
            said.append(f"after {sent}")
            bob.say(said[-1])
            alice.expect_texts("bob", said)
        if sent == INITIALS // 3:
            carol = c.chat("carol", *BOB, alice.url(), key=key)
    alice.expect_peer("carol")
    carol.say("I am real")
    alice.expect_texts("carol", ["I am real"])
    now = stats(alice)
    check_memory(c, alice, before, f"{INITIALS} first packets")
    c.notes.append(f"{now['links_accepted']} began a connection, {now['addresses_asked']} were asked where they are")
    check(now["addresses_asked"] > 0, f"they were believed: {now}")
    check(now["links_accepted"] <= (now["t_ms"] / 1000 + 2) * UNPROVED_PER_S, f"too many got a connection: {now}")
    for one in (alice, bob):
        for state in ("interrupted", "departed"):
            check(not one.all("peer", state=state), f"{one.name} noticed")
    for stranger in strangers:
        stranger.close()
    carol.leave()
    bob.leave()
    alice.leave()


@case
def quic_answers_to_strangers(c):
    """What RFC 9000 has for packets of nobody: a version negotiation for other versions, a Retry that is
    smaller than what it answers, a stateless reset for what is over; and silence for what is too small."""
    alice = c.chat("alice", *ALICE, key=c.new_key())

    def ask(packet):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.settimeout(60)
            stranger.connect(("127.0.0.1", alice.port()))
            stranger.send(packet)
            return stranger.recv(65536)

    destination, source = secrets.token_bytes(8), secrets.token_bytes(8)
    answer = ask(long_header(0, b"\x0a\x0a\x0a\x0a", destination, source, bytes(1200)))
    # Section 17.2.1: version 0, the ids the other way round, and what is spoken.
    check(answer[0] & 0x80 and answer[1:5] == bytes(4), f"no version negotiation: {answer.hex()}")
    check(answer[5:] == b"\x08" + source + b"\x08" + destination + VERSION_1, f"{answer.hex()}")
    packet = b"\x40" + secrets.token_bytes(100)
    reset = ask(packet)
    check(not reset[0] & 0x80 and reset[0] & 0x40 and 21 <= len(reset) < len(packet),
          f"no stateless reset (section 10.3): {reset.hex()}")
    check(reset[-16:] == ask(packet)[-16:], "another token for the same id")
    # A small one is not answered; the next one, which is, comes on the same socket.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.settimeout(60)
        stranger.connect(("127.0.0.1", alice.port()))
        stranger.send(b"\x40" + secrets.token_bytes(30))
        stranger.send(long_header(0, b"\x0a\x0a\x0a\x0a", destination, source, bytes(100)))
        stranger.send(packet)
        answer = stranger.recv(65536)
        check(answer[-16:] == reset[-16:], "a small packet was answered")
    alice.leave()
