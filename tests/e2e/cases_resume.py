# SPDX-License-Identifier: MIT
"""Connections that break while people talk: every line arrives once, in order, and who is really
gone is given up."""
import random
import select
import signal
import socket
import struct
import threading

from cases_talk import pair
from harness import case, check


class Wire:
    """A TCP connection between two programs that can be cut: listens on a port of its own and copies
    bytes both ways."""

    def __init__(self, target_port):
        self.target_port = target_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.ends = {}  # socket -> the other one
        self.cuts_after = None  # bytes
        self.cuts = 0
        self.is_open = True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def cut_after(self, count):
        """Cuts once so many bytes more have passed, in the middle of whatever they are."""
        with self.lock:
            self.cuts_after = count

    def cut(self):
        for end in list(self.ends):
            # RST, not FIN: nothing that is still on its way arrives.
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.close()
        self.ends.clear()
        self.cuts += 1

    def take(self):
        near, _ = self.listener.accept()
        try:
            far = socket.create_connection(("127.0.0.1", self.target_port))
        except OSError:
            near.close()
            return
        self.ends[near], self.ends[far] = far, near

    def copy(self, end):
        try:
            piece = end.recv(16384)
            if piece and self.cuts_after is not None:
                piece = piece[:self.cuts_after]
            if piece:
                self.ends[end].sendall(piece)
        except OSError:
            piece = b""
        if self.cuts_after is not None:
            self.cuts_after -= len(piece)
        if not piece or self.cuts_after == 0:
            self.cuts_after = None
            self.cut()

    def run(self):
        while self.is_open:
            ready, _, _ = select.select([self.listener, *self.ends], [], [], 0.05)
            with self.lock:
                for end in ready:
                    if end is self.listener:
                        self.take()
                    elif end in self.ends:
                        self.copy(end)

    def close(self):
        self.is_open = False
        self.thread.join()
        self.cut()
        self.listener.close()


def pair_by_wire(c, key, *options):
    alice = c.chat("alice", *options, key=key)
    wire = Wire(alice.port())
    bob = c.chat("bob", "--connect", f"wss://127.0.0.1:{wire.port}", *options, key=key)
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
