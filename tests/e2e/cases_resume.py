# SPDX-License-Identifier: MIT
"""Connections that break while people talk: every line arrives once, in order, and who is really
gone is given up."""
import random
import signal

from cases_talk import pair
from harness import case, check
from wire import Wire


def pair_by_wire(c, key, *options):
    """A client listens nowhere: there is no way to bob but the wire, whoever of the two dials first."""
    alice = c.chat("alice", "--topology", "server", *options, key=key)
    wire = Wire(alice.port())
    bob = c.chat("bob", "--topology", "client", "--connect", f"wss://127.0.0.1:{wire.port}", *options, key=key)
    alice.expect_peer("bob")
    bob.expect_peer("alice")
    return alice, bob, wire


@case
def every_line_arrives_once(c):
    """Cut at random bytes, again and again, while both talk."""
    alice, bob, wire = pair_by_wire(c, c.new_key())
    chance = random.Random(7)
    lines = [f"line {i} " + "x" * chance.randrange(300) for i in range(400)]
    for number in range(0, len(lines), 40):
        wire.cut_after(chance.randrange(1, 9000))
        for line in lines[number:number + 40]:
            alice.say(line)
            bob.say(line)
        # The other side has half of them, and the wire has been cut in between more often than not.
        bob.wait("half of the lines", lambda: len(bob.texts("alice")) > number + 20)
    alice.expect_texts("bob", lines)
    bob.expect_texts("alice", lines)
    check(wire.cuts >= 3, f"the wire was cut {wire.cuts} times only")
    for one, other in ((alice, "bob"), (bob, "alice")):
        check(not one.all("peer", state="departed"), f"{other} was given up")
        check(len(one.all("peer", state="connected")) == 1, f"{other} was taken for another")
    bob.leave()
    alice.leave()
    wire.close()


@case
def a_break_is_told_and_mended(c):
    alice, bob, wire = pair_by_wire(c, c.new_key())
    target, wire.target_port = wire.target_port, 1  # nobody there: who dials is refused
    wire.cut_after(1)
    alice.say("are you there?")
    for one, other in ((alice, "bob"), (bob, "alice")):
        one.expect_peer(other, "interrupted")
    bob.say("I am")
    wire.target_port = target
    for one, other in ((alice, "bob"), (bob, "alice")):
        one.expect_peer(other, "resumed")
    bob.expect_texts("alice", ["are you there?"])
    alice.expect_texts("bob", ["I am"])
    bob.leave()
    alice.leave()
    wire.close()


@case
def without_a_window_a_break_is_the_end(c):
    alice, bob, wire = pair_by_wire(c, c.new_key(), "--resume-window", "0")
    wire.cut_after(1)
    alice.say("are you there?")
    bob.expect_peer("alice", "departed")
    alice.expect_peer("bob", "departed", reason="LOST")
    check(not alice.all("peer", state="interrupted"), "alice waited")
    wire.close()


@case
def stopped_for_a_while(c):
    """A process that does nothing for a moment, shorter than anybody's patience, has missed nothing."""
    alice, bob = pair(c, c.new_key())
    bob.send_signal(signal.SIGSTOP)
    lines = [f"{i}" for i in range(200)]
    for line in lines:
        alice.say(line)
    alice.say("/peers")
    alice.expect("peers")
    bob.send_signal(signal.SIGCONT)
    bob.expect_texts("alice", lines)
    bob.leave()
    alice.leave()
