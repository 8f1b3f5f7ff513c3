# SPDX-License-Identifier: MIT
"""Networks that let no UDP through: where there is a choice QUIC is what is used, and without it the
WebSocket is there within a moment; measured, and told in the log."""
from cases_discovery import discovers, service
from cases_quic import Relay
from harness import Failure, Skipped, case, check
from network import Pair


def block_udp(pair):
    """What comes to either machine over UDP is dropped without a word, but for names and discovery."""
    for machine in (pair.left, pair.right):
        try:
            machine.ip("rule add pref 20 lookup local")
            machine.ip("rule del pref 0")
            for ports in ("1024-5352", "5354-65534"):  # 65535 is no end of a range
                machine.ip(f"rule add pref 10 iif v0 ipproto udp dport {ports} blackhole")
        except Failure as why:
            raise Skipped(f"this system has no rules for ports: {why}") from None


def talk(one, other):
    one.say("hello")
    other.expect_texts(one.name, ["hello"])


def found_and_met(c, pair, key):
    """Two who know nothing but the key, and listen for every transport."""
    name = service()
    options = ("--listen", "any://*:0")
    alice = c.chat("alice", *options, key=key, discovery=name, inside=pair.left.inside())
    bob = c.chat("bob", *options, key=key, discovery=name, inside=pair.right.inside())
    transports = {alice.expect_peer("bob")["transport"], bob.expect_peer("alice")["transport"]}
    dialler = alice if alice.all("found") else bob
    took_ms = (min(e["t_ms"] for e in dialler.all("peer", state="connected"))
               - min(e["t_ms"] for e in dialler.all("found", state="found")))
    c.notes.append(f"{took_ms} ms from found to connected, over {transports}")
    talk(alice, bob)
    bob.leave()
    alice.leave()
    return transports


TRIES = 5


@discovers
def quic_is_preferred(c):
    """It has a quarter of a second before the WebSocket is tried as well. On a busy machine that may be too
    short now and then; where it is not preferred it is too short each time."""
    with Pair() as pair:
        pair.up()
        key = c.new_key()
        check(any(found_and_met(c, pair, key) == {"quic"} for _ in range(TRIES)), "over something else")


@discovers
def without_udp_there_is_wss(c):
    with Pair() as pair:
        pair.up()
        block_udp(pair)
        check(found_and_met(c, pair, c.new_key()) == {"wss"}, "UDP got through")


@case
def both_addresses_and_no_udp(c):
    """--connect with both: whatever works is used at once, and the better one as soon as it does."""
    key = c.new_key()
    alice = c.chat("alice", "--listen", "any://127.0.0.1:0", key=key)
    alice.expect("listening", count=2)
    urls = {event["url"].split(":")[0]: event["url"] for event in alice.all("listening")}
    relay = Relay(c, int(urls["quic"].rsplit(":", 1)[1]), 1)
    relay.tell("dead")
    bob = c.chat("bob", "--topology", "star", "--connect", f"quic://127.0.0.1:{relay.port}", "--connect",
                 urls["wss"], key=key)
    peer = bob.expect_peer("alice")
    check(peer["transport"] == "wss", f"{peer}")
    c.notes.append(f"connected {peer['t_ms']} ms after the start")
    talk(alice, bob)  # not the other way: bob's first line waits until each of his dials is decided
    relay.tell("alive")
    path = bob.expect("network", what="path")
    check(path["transport"] == "quic", f"{path}")
    bob.say("better")
    alice.expect_texts("bob", ["better"])
    for one in (alice, bob):
        check(not one.all("peer", state="interrupted"), f"{one.name} was interrupted")
    bob.leave()
    alice.leave()


@case
def an_invitation_without_udp(c):
    """Its addresses are tried a quarter of a second after each other, the best one first."""
    with Pair() as pair:
        pair.up()
        block_udp(pair)
        key = c.new_key()
        alice = c.chat("alice", "--listen", "any://10.9.0.1:0", key=key, inside=pair.left.inside())
        alice.expect("listening", count=2)
        alice.say("/invite")
        invitation = alice.expect("invite")
        bob = c.chat("bob", "--connect", invitation["text"], key=key, inside=pair.right.inside())
        peer = bob.expect_peer("alice")
        check(peer["transport"] == "wss", f"{peer}")
        c.notes.append(f"connected {peer['t_ms']} ms after the start")
        talk(bob, alice)
        bob.leave()
        alice.leave()
