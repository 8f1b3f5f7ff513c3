# SPDX-License-Identifier: MIT
"""Keys that change while everybody talks, and TLS 1.2 where it was asked for."""
from harness import case, check
from screen import person


def name_of(key):
    return key.read_text().split(":")[0]


def say_key(chat, line, count):
    """Gives a command that is answered by the keys in use, for the count-th time."""
    chat.say(line)
    return chat.expect("keys", count)


@case
def key_changed_while_talking(c):
    """All add the new key, all use it, all remove the old one; nobody is disconnected on the way."""
    old, new = c.new_key("old.key"), c.new_key("new.key")
    alice = c.chat("alice", key=old)
    bob = c.chat("bob", "--connect", alice.url(), key=old)
    alice.expect_peer("bob")
    early = c.chat("early", "--connect", alice.url(), key=new)
    check(early.expect("dial", state="failed")["reason"] == "AUTH", "in with a key that nobody has added")
    early.expect_exit(1)
    for chat in (alice, bob):
        keys = say_key(chat, f"/key add {new}", 1)
        check((keys["connect"], keys["names"]) == (name_of(old), [name_of(old), name_of(new)]), f"{keys}")
    for chat in (alice, bob):
        check(say_key(chat, f"/key use {new}", 2)["connect"] == name_of(new), "not used")
    carol = c.chat("carol", "--connect", alice.url(), "--connect", bob.url(), key=new)
    for one, other in ((carol, "alice"), (carol, "bob"), (alice, "carol"), (bob, "carol")):
        one.expect_peer(other)
    for chat in (alice, bob):
        check(say_key(chat, f"/key remove {name_of(old)}", 3)["names"] == [name_of(new)], "not removed")
    late = c.chat("late", "--connect", alice.url(), key=old)
    check(late.expect("dial", state="failed")["reason"] == "AUTH", "in with a removed key")
    late.expect_exit(1)
    bob.say("still here")
    for chat in (alice, carol):
        chat.expect_texts("bob", ["still here"])
    bob.expect("delivered", count=2)
    check(not alice.all("peer", state="departed"), "somebody was put out")
    for chat in (carol, bob, alice):
        chat.leave()


@case
def key_removed_and_its_holders(c):
    """With --disconnect whoever is here with it goes, and nobody else."""
    old, new = c.new_key("old.key"), c.new_key("new.key")
    both = c.write("both.key", new.read_text() + old.read_text())
    alice = c.chat("alice", key=both)
    bob = c.chat("bob", "--connect", alice.url(), key=old)
    carol = c.chat("carol", "--connect", alice.url(), key=new)
    alice.expect_peer("bob")
    alice.expect_peer("carol")
    keys = say_key(alice, f"/key remove {name_of(old)} --disconnect", 1)
    check(keys["names"] == [name_of(new)], f"{keys}")
    departed = bob.expect_peer("alice", "departed", reason="KICKED")
    check("key" in departed["text"], f"{departed}")
    alice.expect_peer("bob", "departed", reason="LOCAL")
    carol.say("hello")
    alice.expect_texts("carol", ["hello"])
    check(not alice.all("peer", name="carol", state="departed"), "carol was put out as well")
    for chat in (bob, carol, alice):
        chat.leave()


@case
def key_command_errors(c):
    key, short = c.new_key(), c.write("short.key", "team:0011\n")
    alice = c.chat("alice", key=key)
    for count, (line, code) in enumerate((
            ("/key add", "USAGE"), ("/key dance x", "USAGE"), ("/key remove", "USAGE"),
            ("/key remove --disconnect", "USAGE"), ("/key remove nobody", "NOT_FOUND"),
            (f"/key remove {name_of(key)}", "STATE"), (f"/key add {c.folder}/nowhere", "KEY"),
            (f"/key add {short}", "KEY")), 1):
        alice.say(line)
        alice.wait(f"an error for {line}", lambda: len(alice.all("error")) >= count)
        check(alice.all("error")[-1]["code"] == code, f"{line}: {alice.all('error')[-1]}")
    check(say_key(alice, f"/key add {key}", 1)["names"] == [name_of(key)], "the same key twice")
    alice.say("/accept")
    alice.expect("error", code="NOT_FOUND", count=2)
    alice.close_input()
    alice.expect_exit(1)
    plain = c.chat("plain", insecure=True)
    plain.say("/key")
    plain.expect("error", code="STATE")
    plain.close_input()
    plain.expect_exit(1)
    secret = key.read_text().strip().split(":")[1]
    check(secret not in alice.stdout_text() + alice.stderr_text(), "it told the key")


@case
def key_at_a_terminal(c):
    key, more = c.new_key(), c.new_key("more.key")
    alice = person(c, "alice", key=key)
    alice.type(f"/key use {more}\r")
    alice.expect_said(rf"\* key {name_of(key)} lets others in$")
    alice.expect_said(rf"\* key {name_of(more)} lets others in, and is used to connect$")
    alice.type(f"/key remove {name_of(more)}\r")
    alice.expect_said("is the one to connect with: say /key use FILE")
    alice.type("\x04")
    alice.expect_exit(1)
    alice.check_restored()


def upgrade_by_openssl(c, chat, key, *options):
    """openssl's client asks for an upgrade to WebSocket; gives the process."""
    identity, secret = key.read_text().strip().split(":")
    done = c.start("openssl", "s_client", "-connect", f"127.0.0.1:{chat.port()}", "-psk_identity", identity,
                   "-psk", secret, "-quiet", *options)
    done.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
               b"Sec-WebSocket-Protocol: kith.v1\r\n\r\n")
    return done


@case
def tls12_by_request(c):
    """One side that has only TLS 1.2 gets as far as WebSocket; two that have TLS 1.3 use that."""
    key = c.new_key()
    alice = c.chat("alice", "--tls12", key=key)
    old = upgrade_by_openssl(c, alice, key, "-tls1_2")
    old.expect_line(r"^HTTP/1\.1 101")
    old.end()
    bob = c.chat("bob", "--tls12", "--connect", alice.url(), key=key)
    peer = alice.expect_peer("bob")
    check((peer["level"], peer["cipher"]) == ("IDENTITY", "TLS_AES_128_GCM_SHA256"), f"{peer}")
    bob.leave()
    alice.leave()
    strict = c.chat("strict", key=key)
    old = upgrade_by_openssl(c, strict, key, "-tls1_2")
    old.expect_line("alert protocol version", "stderr")
    check("HTTP" not in old.stdout_text(), "TLS 1.2 where nobody asked for it")
    old.end()
    strict.leave()
