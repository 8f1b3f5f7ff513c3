# SPDX-License-Identifier: MIT
"""Waiting is not failing: addresses that come and go, machines without a network, cables that are
pulled; each in network namespaces of its own. And /retry."""
from harness import case, check, free_port
from network import Machine, Pair


@case
def retry_tells_what_waits(c):
    """192.0.2.0/24 is for documentation (RFC 5737): no machine has it."""
    url = f"wss://127.0.0.1:{free_port()}"
    bob = c.chat("bob", "--listen", "wss://192.0.2.7:0", "--connect", url, key=c.new_key())
    waiting = bob.expect("waiting", url="wss://192.0.2.7:0")
    check("does not have that address" in waiting["detail"], f"{waiting}")
    bob.expect("dial", state="waiting")
    bob.say("/retry")
    answer = bob.expect("retry")
    check([wait["what"] for wait in answer["waits"]] == ["listen", "connect"], f"{answer}")
    check(all(wait["detail"] for wait in answer["waits"]), f"{answer}")
    bob.expect("waiting", count=2)  # who asks is answered
    bob.leave()


@case
def retry_for_people(c):
    bob = c.chat("bob", "--listen", "wss://192.0.2.7:0", key=c.new_key(), json_mode=False)
    bob.expect_line(r"not listening on wss://192\.0\.2\.7:0 now: .*that address now")
    bob.say("/retry")
    bob.expect_line(r"trying at once: --listen wss://192\.0\.2\.7:0 \(.*\)")
    bob.leave()


@case
def an_address_that_comes_and_goes(c):
    with Machine() as machine, Machine(beside=machine) as other:
        machine.link_to(other)
        alice = c.chat("alice", "--listen", "wss://10.9.0.1:0", key=c.new_key(),
                       inside=machine.inside())
        alice.expect("waiting")
        other.ip("link set v0 up")
        machine.ip("link set v0 up")
        machine.ip("addr add 10.9.0.1/24 dev v0")
        url = alice.expect("listening")["url"]
        alice.expect("network", what="changed")
        machine.ip("addr del 10.9.0.1/24 dev v0")
        alice.expect("waiting", count=2)
        machine.ip("addr add 10.9.0.1/24 dev v0")
        check(alice.expect("listening", count=2)["url"] == url, "it is another port now")
        machine.ip("link set v0 down")
        check("switched off" in alice.expect("waiting", count=3)["detail"], "there is another reason")
        machine.ip("link set v0 up")
        check(alice.expect("listening", count=3)["url"] == url, "it is another port now")
        machine.ip("link del v0")
        alice.expect("waiting", count=4)
        check(not alice.all("error"), "that is no error")
        alice.leave()


@case
def the_address_of_all_addresses(c):
    """Who listens on all addresses is told where others find it now."""
    with Machine() as machine, Machine(beside=machine) as other:
        machine.link_to(other)
        alice = c.chat("alice", "--listen", "wss://*:0", key=c.new_key(), inside=machine.inside())
        port = alice.port()
        check(alice.url() == f"wss://127.0.0.1:{port}", f"{alice.url()}")
        other.ip("link set v0 up")
        machine.ip("addr add 10.9.0.1/24 dev v0")
        machine.ip("link set v0 up")
        alice.expect("listening", url=f"wss://10.9.0.1:{port}")
        machine.ip("addr add 10.8.0.1/24 dev v0")
        machine.ip("addr del 10.9.0.1/24 dev v0")
        alice.expect("listening", url=f"wss://10.8.0.1:{port}")
        check(not alice.all("waiting"), "it could be reached all the time")
        alice.leave()


@case
def no_network_at_first(c):
    """Dialling begins while there is no network at all."""
    with Pair() as pair:
        key = c.new_key()
        pair.left.ip("addr add 10.9.0.1/24 dev v0")
        pair.left.ip("link set v0 up")
        alice = c.chat("alice", "--listen", "wss://10.9.0.1:0", key=key,
                       inside=pair.left.inside())
        bob = c.chat("bob", "--connect", alice.url(), key=key, inside=pair.right.inside())
        waiting = bob.expect("dial", state="waiting")
        check(waiting["reason"] == "UNREACHABLE" and "online" in waiting["detail"], f"{waiting}")
        pair.right.ip("addr add 10.9.0.2/24 dev v0")
        pair.right.ip("link set v0 up")
        bob.expect_peer("alice")
        bob.say("here I am")
        alice.expect_texts("bob", ["here I am"])
        bob.leave()
        alice.leave()


@case
def a_way_that_is_forbidden(c):
    """What the system does not permit to this program now, it may permit later."""
    with Pair() as pair:
        key = c.new_key()
        pair.up()
        pair.right.ip("route add prohibit 10.9.0.1/32")
        alice = c.chat("alice", "--listen", "wss://10.9.0.1:0", key=key,
                       inside=pair.left.inside())
        bob = c.chat("bob", "--connect", alice.url(), key=key, inside=pair.right.inside())
        waiting = bob.expect("dial", state="waiting")
        check(waiting["reason"] == "UNREACHABLE" and "may not" in waiting["detail"], f"{waiting}")
        pair.right.ip("route del prohibit 10.9.0.1/32")
        bob.expect_peer("alice")
        bob.leave()
        alice.leave()


def talk(c, pair):
    key = c.new_key()
    pair.up()
    alice = c.chat("alice", "--listen", "wss://10.9.0.1:0", "--resume-window", "300", key=key,
                   inside=pair.left.inside())
    bob = c.chat("bob", "--connect", alice.url(), key=key, inside=pair.right.inside())
    bob.say("one")
    alice.expect_texts("bob", ["one"])
    bob.expect("delivered", ticket=1)
    return alice, bob


def talk_on(alice, bob):
    """Whatever happened, each line has arrived once."""
    alice.expect_texts("bob", ["one", "two"])
    bob.expect("delivered", ticket=2)
    bob.say("three")
    alice.expect_texts("bob", ["one", "two", "three"])
    for chat in (alice, bob):
        check(len(chat.all("peer", state="connected")) == 1, f"{chat.name} met somebody anew")
        check(not chat.all("peer", state="departed"), f"{chat.name} gave the other up")
    bob.leave()
    alice.leave()


@case
def a_cable_that_is_pulled(c):
    """No packet says so: the change of the machine's network does."""
    with Pair() as pair:
        alice, bob = talk(c, pair)
        pair.right.ip("link set v0 down")
        bob.expect("network", what="changed")
        bob.say("two")
        interrupted = bob.expect_peer("alice", "interrupted")
        check(interrupted["reason"] == "TIMEOUT", f"{interrupted}")
        bob.expect("dial", state="waiting", reason="UNREACHABLE")
        pair.right.ip("link set v0 up")
        bob.expect_peer("alice", "resumed")
        talk_on(alice, bob)


@case
def a_machine_that_moves(c):
    """It has another address now, and nobody told the other one."""
    with Pair() as pair:
        alice, bob = talk(c, pair)
        pair.right.ip("addr add 10.9.0.3/24 dev v0")
        pair.right.ip("addr del 10.9.0.2/24 dev v0")  # takes 10.9.0.3 with it, or not
        pair.right.ip("addr replace 10.9.0.3/24 dev v0")
        bob.say("two")
        alice.expect_texts("bob", ["one", "two"])
        # Which of the two it was is a matter of how long it took.
        alice.wait("bob has another address", lambda: [
            e for e in alice.all("network", what="path") + alice.all("peer", state="resumed")
            if e["address"].startswith("10.9.0.3:")])
        talk_on(alice, bob)
