# SPDX-License-Identifier: MIT
"""Ends: wanted ones, unwanted ones, and that everyone else learns of them."""
import itertools
import os
import pty
import select
import signal
import subprocess
import time

import harness
from cases_talk import pair, three
from harness import case, check, free_port


@case
def killed(c):
    """It is missed at once, and given up after a while."""
    alice, bob, carol = three(c, c.new_key(), "--resume-window", "1")
    carol.send_signal(signal.SIGKILL)
    for chat in (alice, bob):
        chat.expect_peer("carol", "interrupted")
        chat.expect_peer("carol", "departed", reason="LOST")
    alice.say("still here?")
    bob.expect_texts("alice", ["still here?"])
    bob.leave()
    alice.leave()


def say_into_queue(chat, text):
    """Says something and waits until Kith has it: the answer to a first /peers comes before the line
    is handed over, that to a second one after."""
    chat.say(text)
    for count in (1, 2):
        chat.say("/peers")
        chat.expect("peers", count=count)


@case
def killed_with_lines_under_way(c):
    """Whoever is gone has confirmed nothing more: the sender learns that it cannot know."""
    alice, bob = pair(c, c.new_key())
    alice.send_signal(signal.SIGSTOP)  # hears nothing any more, as if its machine hung
    say_into_queue(bob, "can you hear me?")
    alice.send_signal(signal.SIGKILL)
    fate = bob.expect("undelivered", name="alice", ticket=1)
    check(fate["fate"] in ("UNKNOWN", "UNSENT"), f"{fate}")
    bob.expect_peer("alice", "departed")
    bob.close_input()
    bob.expect_exit(1)


@case
def signals_leave(c):
    """Each signal that ends programs makes it leave properly."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        alice, bob = pair(c, c.new_key(f"{number}.key"))
        bob.send_signal(number)
        bob.expect_exit(0)
        alice.expect_peer("bob", "departed", reason="LEFT")
        bob.expect("closed", exit=0)
        alice.leave()


@case
def second_signal_at_once(c):
    """Somebody who is sent something and hangs cannot hold up a user who wants out now."""
    alice, bob = pair(c, c.new_key(), "--resume-window", "1")
    alice.send_signal(signal.SIGSTOP)
    say_into_queue(bob, "held up")
    bob.send_signal(signal.SIGINT)
    bob.send_signal(signal.SIGTERM)
    bob.expect_exit(0)
    alice.send_signal(signal.SIGCONT)
    alice.expect_peer("bob", "departed")
    alice.leave()


@case
def nobody_connected(c):
    """The end of an empty input is the end, with or without anybody there."""
    alice = c.chat("alice", key=c.new_key())
    alice.leave()
    check(not alice.all("undelivered"), "nothing was typed")


@case
def nobody_reached(c):
    """What was typed and could not be said to anyone is a failure."""
    key = c.new_key()
    other = c.new_key("other.key")
    alice = c.chat("alice", key=other)
    bob = c.chat("bob", "--connect", alice.url(), key=key, typed=b"hello\nare you there?\n")
    bob.expect_exit(1)
    for ticket in (1, 2):
        bob.expect("undelivered", to="", ticket=ticket, fate="UNSENT")
    bob.expect("error", code="NOBODY")
    bob.expect("closed", exit=1)
    alice.leave()


@case
def output_nobody_reads(c):
    """The reader of standard output goes: no noise, no hang."""
    read_end, write_end = os.pipe()
    key = c.new_key()
    alice = c.chat("alice", key=key)
    bob = c.chat("bob", "--connect", alice.url(), key=key, json_mode=False, stdout=write_end)
    os.close(write_end)
    alice.expect_peer("bob")
    os.close(read_end)
    # Until it notices: another process that is just being started may hold that end for a moment.
    for ticket in itertools.count(1):
        alice.say("anybody there?")
        alice.wait(f"the fate of line {ticket}",
                   lambda: [e for e in alice.events if e.get("ticket") == ticket])
        if alice.all("peer", state="departed"):
            break
    bob.expect_exit(0)
    check(not bob.stderr_text(), f"it said {bob.stderr_text()!r}")
    alice.expect_peer("bob", "departed", reason="LEFT")
    alice.close_input()
    alice.wait_exit()  # bob may have gone with or without hearing that


@case
def output_that_takes_nothing(c):
    """A full disk is a failure, and is said."""
    with open("/dev/full", "wb") as full:
        alice = c.chat("alice", key=c.new_key(), json_mode=False, stdout=full.fileno())
    alice.expect_line("^kith-chat: cannot write to standard output: ", "stderr")
    alice.expect_exit(1)


def read_terminal(master, pattern):
    """Reads what a program writes to its terminal until pattern stands there."""
    seen = b""
    end = time.monotonic() + harness.DEADLINE_S
    while pattern not in seen:
        left = end - time.monotonic()
        check(left > 0 and select.select([master], [], [], left)[0], f"{pattern} not in {seen!r}")
        try:
            seen += os.read(master, 4096)
        except OSError:  # the program has ended
            check(pattern in seen, f"{pattern} not in {seen!r}")
    return seen


@case
def at_a_terminal(c):
    """A person types: lines are kept for the first who joins, colours are shown, the end of input
    does not wait for somebody who never comes."""
    key = c.new_key()
    url = f"wss://127.0.0.1:{free_port()}"
    master, slave = pty.openpty()
    alice = subprocess.Popen([c.program("kith-chat"), "--name", "alice", "--key", str(key),
                              "--listen", url], stdin=slave, stdout=slave, stderr=slave,
                             env={**{k: v for k, v in os.environ.items() if k != "NO_COLOR"},
                                  "TERM": "xterm"},
                             start_new_session=True)
    os.close(slave)
    try:
        read_terminal(master, b"listening")
        os.write(master, b"hello, whoever comes\n\n")
        read_terminal(master, b"kept for the first who joins")
        bob = c.chat("bob", "--connect", url, key=key)
        bob.expect_texts("alice", ["hello, whoever comes"])
        bob.say("hello alice")
        check(b"\033[" in read_terminal(master, b"hello alice"), "no colours")
        bob.leave()
        read_terminal(master, b"bob left")
        os.write(master, b"\x04")  # end of input
        status = alice.wait(harness.DEADLINE_S)
        check(status == 0, f"status {status}")
    finally:
        alice.kill()
        alice.wait()
        os.close(master)
