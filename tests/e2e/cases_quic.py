# SPDX-License-Identifier: MIT
"""QUIC over networks that do their worst: what is lost, doubled and late arrives once and in order all
the same; who comes from another address stays who it is; silence is told and mended."""
import itertools
import random
import re
import signal

from harness import Process, case, check, long_case, standing_still
from network import Pair


class Relay:
    """A bad network in front of a chat's port (tests/e2e/udp_relay.c)."""

    def __init__(self, c, target_port, seed):
        self.process = Process(c, "relay", [c.program("kith-test-udp-relay"), str(target_port), str(seed)])
        self.port = int(self.process.expect_line(r"^listening (\d+)$").group(1))

    def tell(self, *orders):
        """Gives the answer to the last of them."""
        for order in orders:
            heard = len(self.process.stdout)
            self.process.say(order)
            self.process.wait(f"an answer to {order!r}", lambda: len(self.process.stdout) > heard)
            check(self.process.stdout[heard] != "what?", f"the relay does not know {order!r}")
        return self.process.stdout[heard]

    def counts(self):
        """Packets: passed, lost, doubled, late, spoilt."""
        return [int(word) for word in self.tell("count").split()[1:]]


def pair_by_relay(c, seed, *orders, options=()):
    """The network is bad from the first packet on."""
    key = c.new_key()
    alice = c.chat("alice", "--topology", "server", "--listen", "quic://127.0.0.1:0", *options, key=key)
    relay = Relay(c, alice.port(), seed)
    relay.tell(*orders or ("lose 0",))
    # A client listens nowhere: there is no other way to him.
    bob = c.chat("bob", "--topology", "client", "--connect", f"quic://127.0.0.1:{relay.port}", *options,
                 key=key)
    alice.expect_peer("bob")
    bob.expect_peer("alice")
    return alice, bob, relay


def check_nobody_noticed(alice, bob):
    for one, other in ((alice, "bob"), (bob, "alice")):
        check(len(one.all("peer", state="connected")) == 1, f"{one.name} met {other} anew")
        for state in ("interrupted", "departed"):
            check(not one.all("peer", state=state), f"{one.name} says that {other} {state}")


def leave_both(alice, bob):
    bob.leave()
    alice.leave()


# ---- what is lost, doubled and late --------------------------------------------------------------

def talk_over_a_bad_network(c, seed, lines, *orders):
    """As many lines each way, and once more as long as the network has not done all that it was told."""
    alice, bob, relay = pair_by_relay(c, seed, *orders)
    chance = random.Random(seed)
    said = {alice: [], bob: []}
    for _ in range(50):
        for one in (bob, alice):
            more = [f"{one.name} {len(said[one]) + i} " + "x" * chance.randrange(900) for i in range(lines)]
            said[one] += more
            one.start_writing("".join(line + "\n" for line in more).encode(), then_close=False)
        alice.expect_texts("bob", said[bob])
        bob.expect_texts("alice", said[alice])
        passed, *done = relay.counts()
        if min(done) > 0:
            break
    lost, doubled, late, spoilt = done
    c.notes.append(f"{passed} packets passed, {lost} lost, {doubled} doubled, {late} late, {spoilt} spoilt")
    check(min(done) > 0, "the network was too good")
    for one in (alice, bob):
        check(not one.all("peer", state="departed"), f"{one.name} gave the other up")
    relay.tell("lose 0")
    leave_both(alice, bob)


@case
def quic_one_percent_is_lost(c):
    talk_over_a_bad_network(c, 1, 12000, "lose 1", "double 1", "late 5 10", "spoil 10")


@case
def quic_five_percent_are_lost(c):
    talk_over_a_bad_network(c, 2, 6000, "lose 5", "double 5", "late 10 20", "spoil 10")


@case
def quic_twenty_percent_are_lost(c):
    talk_over_a_bad_network(c, 3, 1000, "lose 20", "double 10", "late 20 20", "spoil 10")


@long_case
def quic_a_gap_behind_every_packet(c):
    """Three packets are lost behind the first, the second and so on, of a connection that is being made
    and of the talk on it: it takes longer, and that is all."""
    key = c.new_key()
    alice = c.chat("alice", "--topology", "server", "--listen", "quic://127.0.0.1:0", key=key)
    for number in itertools.count():
        relay = Relay(c, alice.port(), number)
        relay.tell(f"gap {number} 3")
        name = f"bob{number}"
        bob = c.chat(name, "--topology", "client", "--connect", f"quic://127.0.0.1:{relay.port}", key=key)
        lines = [f"{name} says {i}" for i in range(20)]
        for line in lines:
            bob.say(line)
        bob.expect_peer("alice")
        alice.expect_texts(name, lines)
        bob.wait("every receipt", lambda: len(bob.all("delivered")) >= len(lines))
        lost = relay.counts()[1]
        for one, other in ((alice, name), (bob, "alice")):
            check(not one.all("peer", name=other, state="departed"), f"{one.name} gave {other} up")
        bob.leave()
        bob.end()
        relay.process.end()
        if lost < 3:
            break  # all was said by then
    check(number > 12, f"it was all said after {number} packets")
    c.notes.append(f"gaps behind each of {number} packets")
    alice.leave()


# ---- other addresses -----------------------------------------------------------------------------

@case
def quic_a_router_that_forgets(c):
    """Bob comes from another port, again and again: his session goes on, and alice sees where he is."""
    alice, bob, relay = pair_by_relay(c, 4)
    lines = []
    addresses = {alice.expect_peer("bob")["address"]}
    for turn in range(1, 6):
        relay.tell("rebind")
        lines.append(f"turn {turn}")
        bob.say(lines[-1])
        alice.expect_texts("bob", lines)
        addresses.add(alice.expect("network", count=turn, what="path")["address"])
        alice.say(f"I see {turn}")
    check(len(addresses) == 6, f"bob was seen at {addresses}")
    bob.expect_texts("alice", [f"I see {turn}" for turn in range(1, 6)])
    check(not bob.all("network", what="path"), "alice was somewhere else")
    check_nobody_noticed(alice, bob)
    leave_both(alice, bob)


@case
def quic_a_router_that_forgets_under_load(c):
    """The same in the middle of a stream of messages, with loss."""
    alice, bob, relay = pair_by_relay(c, 5, "lose 2", "late 5 10")
    lines = [f"line {i} " + "x" * (i % 700) for i in range(4000)]
    bob.start_writing("".join(line + "\n" for line in lines).encode(), then_close=False)
    for part in range(1, 5):
        alice.wait("the next part", lambda: len(alice.texts("bob")) > part * len(lines) // 5)
        relay.tell("rebind")
    alice.expect_texts("bob", lines)
    check_nobody_noticed(alice, bob)
    leave_both(alice, bob)


@case
def quic_an_address_that_is_forged(c):
    """Somebody on the way sends bob's own packets from elsewhere, sooner than they come from him: who is
    not there to answer has moved nobody, and alice is told of no other address."""
    alice, bob, relay = pair_by_relay(c, 7)
    relay.tell("astray 10")
    lines = [f"line {i} " + "x" * (i % 500) for i in range(1000)]
    for one in (alice, bob):
        one.start_writing("".join(line + "\n" for line in lines).encode(), then_close=False)
    alice.expect_texts("bob", lines)
    bob.expect_texts("alice", lines)
    check(not alice.all("network", what="path"), "bob was believed to be where he is not")
    check_nobody_noticed(alice, bob)
    leave_both(alice, bob)


@case
def quic_a_machine_that_moves(c):
    """It has another address now: the connection moves with it, and nobody is interrupted."""
    with Pair() as pair:
        key = c.new_key()
        pair.up()
        alice = c.chat("alice", "--listen", "quic://10.9.0.1:0", key=key, inside=pair.left.inside())
        bob = c.chat("bob", "--connect", alice.url(), key=key, inside=pair.right.inside())
        lines = ["one"]
        bob.say("one")
        alice.expect_texts("bob", lines)
        length = 24
        for turn in range(3, 6):
            # In networks of different lengths neither goes with the other: there is an address all the time.
            pair.right.ip(f"addr add 10.9.0.{turn}/{49 - length} dev v0")
            pair.right.ip(f"addr del 10.9.0.{turn - 1}/{length} dev v0")
            length = 49 - length
            lines.append(f"from {turn}")
            bob.say(lines[-1])
            alice.expect_texts("bob", lines)
            alice.wait("bob's new address", lambda: [
                e for e in alice.all("network", what="path")
                if e["address"].startswith(f"10.9.0.{turn}:")])
            alice.say(f"seen at {turn}")
        bob.expect_texts("alice", [f"seen at {turn}" for turn in range(3, 6)])
        check_nobody_noticed(alice, bob)
        leave_both(alice, bob)


# ---- silence -------------------------------------------------------------------------------------

@long_case
def quic_a_network_that_is_dead_for_a_while(c):
    """Long enough for both to give the connection up, not each other."""
    alice, bob, relay = pair_by_relay(c, 6, options=("--resume-window", "300"))
    bob.say("one")
    alice.expect_texts("bob", ["one"])
    relay.tell("dead")
    bob.say("two")
    alice.say("three")
    for one, other in ((alice, "bob"), (bob, "alice")):
        check(one.expect_peer(other, "interrupted")["reason"] == "TIMEOUT", "for another reason")
    relay.tell("alive")
    for one, other in ((alice, "bob"), (bob, "alice")):
        one.expect_peer(other, "resumed")
    alice.expect_texts("bob", ["one", "two"])
    bob.expect_texts("alice", ["three"])
    leave_both(alice, bob)


@case
def quic_a_cable_that_is_pulled(c):
    """A change of the machine's network makes the same a matter of seconds."""
    with Pair() as pair:
        key = c.new_key()
        pair.up()
        alice = c.chat("alice", "--listen", "quic://10.9.0.1:0", "--resume-window", "300", key=key,
                       inside=pair.left.inside())
        bob = c.chat("bob", "--connect", alice.url(), key=key, inside=pair.right.inside())
        bob.say("one")
        alice.expect_texts("bob", ["one"])
        pair.right.ip("link set v0 down")
        bob.expect("network", what="changed")
        bob.say("two")
        check(bob.expect_peer("alice", "interrupted")["reason"] == "TIMEOUT", "for another reason")
        pair.right.ip("link set v0 up")
        bob.expect_peer("alice", "resumed")
        alice.expect_texts("bob", ["one", "two"])
        for one in (alice, bob):
            check(not one.all("peer", state="departed"), f"{one.name} gave the other up")
        leave_both(alice, bob)


# ---- restarts ------------------------------------------------------------------------------------

@case
def quic_a_server_that_restarts(c):
    """It dies without a word, and is there again under the same identity and port: who was connected
    hears of it with the next packet, and goes on with it."""
    key = c.new_key()
    options = ("--topology", "server", "--identity", "server.id")
    server = c.chat("server", *options, "--listen", "quic://127.0.0.1:0", key=key)
    url = server.url()
    clients = [c.chat(name, "--topology", "client", "--connect", url, key=key) for name in ("bob", "carol")]
    for client in clients:
        client.expect_peer("server")
    for turn in range(1, 3):
        with standing_still(*clients):
            server.send_signal(signal.SIGKILL)
            server.wait_exit()
            server = c.chat("server", *options, "--listen", url, key=key)
            server.expect("listening")
        for client in clients:
            client.say(f"turn {turn}")  # the packet that the new one knows nothing of
            departed = client.expect("peer", count=turn, name="server", state="departed")
            check(departed["reason"] == "RESTARTED", f"{departed}")
            check(not re.search("no sign of life", client.stderr_text()), "it had to wait for that")
            client.expect("peer", count=turn + 1, name="server", state="connected")
            client.say(f"after {turn}")
        for client in clients:
            server.wait("the next line", lambda: f"after {turn}" in server.texts(client.name))
    for client in clients:
        client.close_input()
        client.wait_exit()  # what was on its way to one who died did not arrive, and it says so
    server.leave()
