# SPDX-License-Identifier: MIT
"""Peers that talk: who hears what, in which order, under which names."""
import re

from harness import Process, case, check

CIPHER = "TLS_AES_128_GCM_SHA256"


def pair(c, key, *options, **more):
    """Bob has dialled alice, and each knows of the other."""
    alice = c.chat("alice", *options, key=key, **more)
    bob = c.chat("bob", "--connect", alice.url(), *options, key=key, **more)
    alice.expect_peer("bob")
    bob.expect_peer("alice")
    return alice, bob


def three(c, key, *options):
    """Alice, bob and carol, each connected to both others."""
    alice, bob = pair(c, key, *options)
    carol = c.chat("carol", "--connect", alice.url(), "--connect", bob.url(), *options, key=key)
    for one in (alice, bob):
        one.expect_peer("carol")
    for name in ("alice", "bob"):
        carol.expect_peer(name)
    return alice, bob, carol


@case
def chat_three(c):
    alice, bob, carol = three(c, c.new_key())
    everyone = {"alice": alice, "bob": bob, "carol": carol}
    own_ids = {name: chat.expect("open")["id"] for name, chat in everyone.items()}
    said = {name: [f"{name} says {i}" for i in range(20)] for name in everyone}
    for i in range(20):
        for name, chat in everyone.items():
            chat.say(said[name][i])
    for name, chat in everyone.items():
        for other in set(everyone) - {name}:
            chat.expect_texts(other, said[other])
            tickets = [chat.expect("delivered", count=20, name=other)]
            tickets = [e["ticket"] for e in chat.all("delivered", name=other)]
            check(tickets == list(range(1, 21)), f"{name}'s tickets to {other}: {tickets}")
            peer = chat.expect_peer(other)
            check(peer["id"] == own_ids[other], f"{other} has another id for {name} than for itself")
            check((peer["transport"], peer["cipher"], peer["level"]) == ("wss", CIPHER, "IDENTITY"),
                  f"{name}'s connection to {other}: {peer}")
        check(not chat.all("undelivered"), f"something {name} said was not delivered")
        check(not chat.all("error"), f"{name} reported an error")
    carol.leave()
    for chat in (alice, bob):
        chat.expect_peer("carol", "departed", reason="LEFT")
    bob.leave()
    alice.expect_peer("bob", "departed", reason="LEFT")
    alice.leave()
    for name, chat in everyone.items():
        chat.expect("closed", exit=0)
        check(not chat.stderr, f"{name} said on standard error: {chat.stderr_text()}")


@case
def insecure_pair(c):
    alice, bob = pair(c, None, insecure=True)
    peer = bob.expect_peer("alice")
    check((peer["transport"], peer["cipher"], peer["level"]) == ("ws", "", "NONE"), f"{peer}")
    bob.say("in clear")
    alice.expect_texts("bob", ["in clear"])
    bob.leave()
    alice.expect_peer("bob", "departed", reason="LEFT")
    alice.leave()


@case
def piped_at_once(c):
    """Lines that stand in a pipe before anyone is connected reach everyone, and the end of the pipe
    is the end of the program."""
    key = c.new_key()
    alice = c.chat("alice", key=key)
    bob = c.chat("bob", key=key)
    carol = c.chat("carol", "--connect", alice.url(), "--connect", bob.url(), key=key,
                   typed=b"one\ntwo\nno line end")
    for chat in (alice, bob):
        chat.expect_texts("carol", ["one", "two", "no line end"])
    carol.expect_exit(0)
    check(len(carol.all("delivered")) == 6, f"{len(carol.all('delivered'))} of 6 were delivered")
    alice.leave()
    bob.leave()


@case
def listener_gets_piped_line(c):
    """The one who listens can have something to say to the first who comes, too."""
    key = c.new_key()
    alice = c.chat("alice", key=key, typed=b"welcome\n")
    bob = c.chat("bob", "--connect", alice.url(), key=key)
    bob.expect_texts("alice", ["welcome"])
    alice.expect_exit(0)
    bob.expect_peer("alice", "departed", reason="LEFT")
    bob.leave()


@case
def big_lines(c):
    key = c.new_key()
    alice = c.chat("alice", key=key)
    bob = c.chat("bob", "--connect", alice.url(), key=key)
    lines = [f"line {i} " + "x" * (i % 50) for i in range(1000)]
    long_one = "Ünï" * 20000  # 100 000 bytes would be too long; this is just under the limit
    long_one = long_one.encode()[:65535].decode("utf-8", "ignore")
    lines.insert(500, long_one)
    bob.start_writing("".join(line + "\n" for line in lines).encode())
    alice.expect_texts("bob", lines)
    bob.expect_exit(0)
    tickets = [e["ticket"] for e in bob.all("delivered")]
    check(tickets == list(range(1, 1002)), "not every line was delivered once, in order")
    alice.leave()


@case
def back_pressure(c):
    """More than every queue between the two takes; nothing may be lost or refused."""
    alice, bob = pair(c, c.new_key())
    lines = [f"{i:04} " + chr(ord("a") + i % 26) * 60000 for i in range(300)]
    bob.start_writing("".join(line + "\n" for line in lines).encode())
    alice.expect_texts("bob", lines)
    bob.expect_exit(0)
    check(len(bob.all("delivered")) == 300, "not every line was reported as delivered")
    check(not bob.all("error"), f"bob reported an error: {bob.all('error')[:1]}")
    alice.leave()


@case
def too_long_line(c):
    """A line above the limit is refused, loudly, and the next one is not touched by it."""
    alice, bob = pair(c, c.new_key())
    bob.start_writing(b"before\n" + b"x" * 65537 + b"\n" + b"y" * 200000 + b"\nafter\n")
    bob.expect_exit(1)
    alice.expect_texts("bob", ["before", "after"])
    check(len(bob.all("error", code="TOO_BIG")) == 2, "two lines were too long")
    for ticket in (2, 3):
        bob.expect("undelivered", ticket=ticket, fate="UNSENT")
    alice.leave()


@case
def not_utf8(c):
    """Bytes that are no UTF-8 are replaced where they are shown, as everyone does it."""
    alice, bob = pair(c, c.new_key())
    lines = [b"\xff\xfe", b"a\xc3", b"\xe2\x82b", b"\xf0\x9f\x98\x80", b"\xed\xa0\x80", b"\xc0\xaf",
             b"nul \x00 and \x1b[31m and \x7f", b"quote \" backslash \\ tab \t"]
    bob.write(b"\n".join(lines) + b"\n")
    alice.expect_texts("bob", [line.decode("utf-8", "replace") for line in lines])
    bob.leave()
    alice.leave()


@case
def names_alike(c):
    """Two people of one name can be told apart and talked to one by one."""
    key = c.new_key()
    alice = c.chat("alice", key=key)
    bobs = [c.chat("bob the great", "--connect", alice.url(), key=key) for _ in range(2)]
    alice.expect_peer("bob the great", count=2)
    carol = c.chat("carol", "--connect", alice.url(), key=key)
    alice.expect_peer("carol")
    alice.say("/to bob the great which one?")
    error = alice.expect("error", code="AMBIGUOUS")
    alice.expect("undelivered", ticket=1, to="", fate="UNSENT")
    labels = re.findall(r"bob the great#[0-9a-f]{4,}", error["hint"])
    check(len(set(labels)) == 2, f"two different labels were to be offered: {error['hint']}")
    check("carol" not in error["hint"], f"carol cannot be meant: {error['hint']}")
    carol.leave()
    for chat in bobs:
        mine = chat.expect("open")["id"].replace("-", "")
        label = next(label for label in labels if mine.startswith(label.split("#")[1]))
        alice.say(f"/to {label}  hello {mine}")
    for chat in bobs:
        chat.expect_texts("alice", ["hello " + chat.expect("open")["id"].replace("-", "")])
    alice.say("/to nobody hello")
    alice.expect("error", code="NOT_FOUND")
    bobs[0].leave()
    alice.expect_peer("bob the great", "departed", reason="LEFT")
    alice.say("/to bob the great only you")
    bobs[1].expect("message", text="only you")
    bobs[1].leave()
    alice.close_input()
    alice.expect_exit(1)  # two lines reached nobody


@case
def commands(c):
    alice, bob = pair(c, c.new_key())
    alice.say("/peers")
    listed = alice.expect("peers")["peers"]
    check([p["name"] for p in listed] == ["bob"], f"/peers: {listed}")
    check(listed[0]["address"].startswith("127.0.0.1:"), f"/peers: {listed}")
    alice.say("/help")
    check(any(line.startswith("/to") for line in alice.expect("help")["lines"]), "/help has no /to")
    alice.say("/dance")
    alice.expect("error", code="UNKNOWN_COMMAND")
    alice.say("/to")
    alice.expect("error", code="USAGE")
    alice.say("//slash")
    bob.expect_texts("alice", ["/slash"])
    alice.say("/quit")
    alice.expect_exit(1)  # /dance and /to went nowhere
    bob.expect_peer("alice", "departed", reason="LEFT")
    bob.say("/quit")
    bob.expect_exit(0)


@case
def plain_output(c):
    """What a person sees, and that nobody else can write to that person's terminal."""
    key = c.new_key()
    alice = c.chat("alice", key=key, json_mode=False)
    url = alice.expect_line(r"--connect (wss://127\.0\.0\.1:\d+)").group(1)
    bob = c.chat("bob", "--connect", url, key=key)
    bob.expect_peer("alice")
    alice.expect_line(rf"^\* bob joined \(wss, {CIPHER}\)$")
    bob.say("hello")
    alice.expect_line(r"^<bob> hello$")
    bob.write(b"red \x1b[31m and\x07 \xc2\x9b2J and \xe2\x80\xae\n")
    shown = alice.expect_line(r"^<bob> red (.*)$").group(1)
    check(all(c.isprintable() for c in shown), f"control characters came through: {shown!r}")
    alice.say("/peers")
    alice.expect_line(rf"^\* bob  \w{{8}}  wss {CIPHER}  IDENTITY  127\.0\.0\.1:\d+ ")
    check("\033" not in alice.stdout_text(), "colours without a terminal")
    bob.leave()
    alice.expect_line(r"^\* bob left$")
    alice.leave()


@case
def wildcard_shows_addresses(c):
    """Where it listens on all addresses, it tells some that can be dialled."""
    key = c.new_key()
    alice = c.chat("alice", "--listen", "wss://*:0", key=key)
    event = alice.expect("listening")
    check(event["reach"], "no address to reach alice at")
    for url in event["reach"]:
        check(re.fullmatch(r"wss://(\d+(\.\d+){3}|\[[0-9a-f:]+\]):[1-9]\d*", url), f"not a URL: {url}")
        check("//0.0.0.0:" not in url and "//[::]:" not in url, f"nobody can dial {url}")
    local = [url for url in event["reach"] if "//127.0.0.1:" in url]
    check(local, f"loopback is not among {event['reach']}")
    bob = c.chat("bob", "--connect", local[0], key=key)
    bob.expect_peer("alice")
    bob.leave()
    alice.leave()


@case
def default_listens_everywhere(c):
    alice = Process(c, "alice", [c.program("kith-chat"), "--insecure", "--no-discovery"])
    alice.expect_line(r"^\* listening: others connect with kith-chat --insecure --connect ws://.+:\d+$")
    alice.leave()


@case
def two_peers(c):
    """The program of the README."""
    done = c.run(program="kith-two-peers")
    check(done.status == 0, f"it ended with {done.status}: {done.stderr_text()}")
    check(done.stdout == ["Bob says: Hello!", "Alice says: Hello, Bob!"], f"it said {done.stdout}")


@case
def over_quic(c):
    """The same chat over UDP: everyone hears everyone, and who leaves is seen to leave."""
    key = c.new_key()
    alice = c.chat("alice", "--listen", "quic://127.0.0.1:0", key=key)
    bob = c.chat("bob", "--listen", "quic://127.0.0.1:0", "--connect", alice.url(), key=key)
    alice.expect_peer("bob")
    peer = bob.expect_peer("alice")
    check((peer["transport"], peer["cipher"], peer["level"]) == ("quic", CIPHER, "IDENTITY"),
          f"bob's connection to alice: {peer}")
    for i in range(20):
        alice.say(f"alice says {i}")
        bob.say(f"bob says {i}")
    alice.expect_texts("bob", [f"bob says {i}" for i in range(20)])
    bob.expect_texts("alice", [f"alice says {i}" for i in range(20)])
    bob.leave()
    alice.expect_peer("bob", "departed", reason="LEFT")
    alice.leave()


@case
def any_listens_over_everything(c):
    """any:// is one address for each transport, and each of them leads there."""
    key = c.new_key()
    alice = c.chat("alice", "--listen", "any://127.0.0.1:0", key=key)
    alice.expect("listening", count=2)
    urls = {event["url"].split(":")[0]: event["url"] for event in alice.all("listening")}
    check(set(urls) == {"quic", "wss"}, f"alice listens at {urls}")
    for scheme, url in urls.items():
        bob = c.chat("bob", "--connect", url, key=key)
        check(bob.expect_peer("alice")["transport"] == scheme, f"not over {scheme}")
        bob.leave()
    alice.leave()
