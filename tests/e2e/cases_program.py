# SPDX-License-Identifier: MIT
"""The command line, and what EVENTS.md promises."""
import re

import schema
import cases_discovery
from certificates import alone
from cases_talk import pair
from harness import Skipped, case, check, free_port
from network import Machine


@case
def help_and_version(c):
    shown = c.run("--help")
    check(shown.status == 0 and not shown.stderr, f"--help: {shown.status}, {shown.stderr_text()}")
    for word in ("--name", "--session", "--key", "--insecure", "--listen", "--connect", "--json",
                 "--verbose", "--new-key", "--cert", "--trust", "--tls12", "/accept", "/key",
                 "--topology", "--identity", "--ask", "--context", "--max-peers",
                 "--no-introductions", "--deadline", "/kick", "/ban", "/unban",
                 "--help", "--version", "/to", "/peers", "/stats", "Exit status"):
        check(word in shown.stdout_text(), f"--help does not tell of {word}")
    check(c.run("-h").stdout == shown.stdout, "-h says something else than --help")
    version = c.run("--version")
    check(version.status == 0 and re.fullmatch(r"kith-chat \d+\.\d+\.\d+", version.stdout_text()),
          f"--version: {version.status}, {version.stdout_text()!r}")


@case
def usage_errors(c):
    """Each ends with 2, one line on standard error, and nothing on standard output."""
    long_name = "n" * 64
    for arguments in ((), ("--dance",), ("--insecure", "--name"), ("--insecure", "--name", ""),
                      ("--insecure", "--name", long_name), ("--insecure", "extra"), ("--key",),
                      ("--insecure", "--key", "x"), ("--insecure", "--name", "a\tb"),
                      ("--insecure", "--session", ""), ("--insecure", "--session", long_name),
                      ("--insecure", "--new-key", "x"), ("--insecure", "--topology", "ring"),
                      ("--insecure", "--no-discovery", "--topology", "client"), ("--insecure", "--max-peers", "0"),
                      ("--insecure", "--topology", "server", "--no-introductions"),
                      ("--insecure", "--max-peers", "65537"), ("--insecure", "--max-peers", "3x"),
                      ("--insecure", "--deadline", "0"), ("--insecure", "--context", "a\nb"),
                      ("--insecure", "--context", "c" * 1025), ("--insecure", "--identity"),
                      ("--insecure", "--identity", "x", "--identity", "y")):
        done = c.run(*arguments)
        check(done.status == 2, f"{arguments}: status {done.status} instead of 2")
        check(len(done.stderr) == 1 and done.stderr[0].startswith("kith-chat: "),
              f"{arguments}: it said {done.stderr}")
        check(not done.stdout, f"{arguments}: it wrote {done.stdout}")


@case
def usage_error_as_event(c):
    done = c.run("--json", "--insecure", "--key", "x")
    check(done.status == 2 and len(done.stdout) == 1, f"{done.status}: {done.stdout}")
    check('"event":"error"' in done.stdout[0] and '"code":"USAGE"' in done.stdout[0], done.stdout[0])


@case
def verbose(c):
    """What Kith logs goes to standard error, with no secrets and no messages in it."""
    key = c.new_key()
    alice = c.chat("alice", "--verbose", "--verbose", key=key)
    bob = c.chat("bob", "--verbose", "--connect", alice.url(), key=key)
    alice.expect_peer("bob")
    bob.say("confidential-words")
    alice.expect_texts("bob", ["confidential-words"])
    bob.leave()
    alice.leave()
    secret = key.read_text().strip().split(":")[1]
    for chat in (alice, bob):
        check(chat.stderr, f"{chat.name} logged nothing")
        check(secret not in chat.stderr_text(), f"{chat.name} logged the key")
        check("confidential-words" not in chat.stderr_text(), f"{chat.name} logged a message")


@case
def events_page(c):
    """The examples of EVENTS.md are as its tables say, and each event has one."""
    for example in schema.EXAMPLES:
        problems = schema.problems_of(example)
        check(not problems, f"the example {example}: {problems}")
    shown = {example["event"] for example in schema.EXAMPLES}
    check(shown == set(schema.EVENTS), f"no example for {set(schema.EVENTS) - shown}")
    check(schema.problems_of({"event": "open", "t_ms": "soon", "more": 1}), "it finds no problem")


@case
def json_schema(c):
    """Every event of EVENTS.md comes, and is as the page says. (That holds in every other case as
    well: each event is checked as it is read.)"""
    key = c.new_key()
    alice, bob = pair(c, key)
    bob.say("hello")
    bob.expect("delivered")
    for line in ("/peers", "/stats", "/key", "/help", "/dance", "/to nobody hello"):
        bob.say(line)
    bob.expect("undelivered")
    stats = bob.expect("stats")
    check(stats["links_authenticated"] == 1 and stats["peers"][0]["messages_sent"] == 1, f"{stats}")
    bob.close_input()
    bob.expect_exit(1)
    alice.expect_peer("bob", "departed", reason="LEFT")
    carol = c.chat("carol", "--connect", alice.url(), "--connect", f"wss://127.0.0.1:{free_port()}",
                   key=key)
    carol.expect("dial", state="ready")
    carol.expect("dial", state="waiting")
    carol.leave()
    carol.expect("dial", state="closed")
    stranger = c.chat("stranger", "--connect", alice.url(), key=c.new_key("other.key"))
    stranger.expect("dial", state="failed")
    stranger.expect_exit(1)
    alice.leave()
    one, two = alone(c, "dave"), alone(c, "eve")
    dave = c.chat("dave", "--ca", two.cert, *one.options())
    eve = c.chat("eve", "--connect", dave.url(), *two.options())
    eve.expect("question")
    eve.say("/accept")
    eve.expect_peer("dave")
    eve.leave()
    dave.leave()
    frank = c.chat("frank", "--ask", key=key)
    grace = c.chat("grace", "--connect", frank.url(), key=key)
    frank.expect("invitation")
    frank.say("/invite")
    frank.expect("invite")
    frank.say("/accept grace")
    frank.expect_peer("grace")
    frank.say("/ban grace")
    grace.expect_peer("frank", "departed", reason="BANNED")
    grace.leave()
    frank.leave()
    ivy = c.chat("ivy", "--listen", "wss://192.0.2.7:0", key=key)  # which no machine has (RFC 5737)
    ivy.expect("waiting")
    ivy.say("/retry")
    ivy.expect("retry")
    ivy.leave()
    chats = [alice, bob, carol, stranger, dave, eve, frank, grace, ivy]
    expected = set(schema.EVENTS)
    try:
        with Machine() as machine:
            judy = c.chat("judy", "--listen", "wss://*:0", key=key, inside=machine.inside())
            judy.expect("listening")
            machine.ip("addr add 127.0.0.2/8 dev lo")
            judy.expect("network", what="changed")
            judy.leave()
            chats.append(judy)
    except Skipped as why:
        c.notes.append(f"   without the event network: {why}")
        expected.discard("network")
    if cases_discovery.is_built():
        name = cases_discovery.service()
        heidi = c.chat("heidi", key=key, discovery=name)
        heidi.expect("discovery", state="advertised")
        look = c.chat("nobody", "--browse", discovery=name)
        look.expect("found", state="found")
        for chat in (look, heidi):
            chat.send_signal(2)
            chat.expect_exit(0)
        chats += [heidi, look]
    else:
        expected -= {"found", "discovery"}
    seen = {event["event"] for chat in chats for event in chat.events}
    check(seen == expected, f"never seen: {expected - seen}")
    for chat in chats:
        order = [event["event"] for event in chat.events]
        check(order[0] == "open" and order[-1] == "closed", f"{chat.name}: {order}")
