# SPDX-License-Identifier: MIT
"""Keys: making them, refusing bad ones, and turning away whoever has the wrong one."""
import stat

from harness import Failure, case, check, talk_raw

UPGRADE = (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")


def still_works(c, alice, key):
    """Alice takes a good peer after all that happened, and has seen no other."""
    check(not alice.all("peer"), f"alice reported a peer: {alice.all('peer')[:1]}")
    good = c.chat("good", "--connect", alice.url(), key=key)
    good.expect_peer("alice")
    good.say("still there?")
    alice.expect_texts("good", ["still there?"])
    good.leave()
    alice.leave()


def turned_away(c, own_key, other_key, *options):
    """Whoever has the other key gets no further than TLS, and is told why."""
    alice = c.chat("alice", key=own_key)
    mallory = c.chat("mallory", "--connect", alice.url(), *options, key=other_key)
    failed = mallory.expect("dial", state="failed")
    check(failed["reason"] == "AUTH", f"the reason was {failed['reason']}: {failed['detail']}")
    check(not mallory.all("peer"), "mallory saw a peer")
    mallory.expect_exit(1)
    check("same key" in mallory.stderr_text(), f"no next step: {mallory.stderr_text()}")
    alice.expect_line("warning: .*127\\.0\\.0\\.1:", "stderr")  # and the one who refused has a log line
    still_works(c, alice, own_key)


@case
def wrong_key(c):
    own = c.new_key()
    identity = own.read_text().split(":")[0]
    turned_away(c, own, c.write("wrong.key", f"{identity}:{'5a' * 32}\n"))


@case
def unknown_identity(c):
    turned_away(c, c.new_key(), c.new_key("other.key"))


@case
def second_key_of_file(c):
    """Several lines are several keys: all let others in, the first is used to dial."""
    old, new = c.new_key("old.key"), c.new_key("new.key")
    both = c.write("both.key", f"# in the order of use\n\n{new.read_text()}{old.read_text()}")
    alice = c.chat("alice", key=both)
    bob = c.chat("bob", "--connect", alice.url(), key=old)
    bob.expect_peer("alice")
    carol = c.chat("carol", key=old)
    dave = c.chat("dave", "--connect", carol.url(), key=both)  # dials with the new one
    check(dave.expect("dial", state="failed")["reason"] == "AUTH", "dave got in with the new key")
    dave.expect_exit(1)
    for chat in (bob, carol, alice):
        chat.leave()


def refused(c, name, line, *words):
    path = c.write(f"{name}.key", line)
    done = c.run("--key", path, "--listen", "wss://127.0.0.1:0", "--json")
    check(done.status == 2, f"{name}: status {done.status} instead of 2")
    said = done.stderr_text()
    check(said.count("\n") == 0 and said.startswith("kith-chat: "), f"{name}: it said {said!r}")
    for word in words:
        check(word in said, f"{name}: {word!r} does not stand in {said!r}")
    secret = line.strip().split(":")[-1]
    check(len(secret) < 8 or secret not in said + done.stdout_text(), f"{name}: it told the key")


@case
def bad_keys_refused(c):
    """Each with its reason, and none repeated."""
    identity = "0123456789abcdef"
    refused(c, "equal", f"{identity}:{identity.encode().hex()}\n", "line 1", "identity")
    refused(c, "short", "team:00112233445566\n", "line 1", "16")
    refused(c, "raw", "correct horse battery staple\n", "line 1", "IDENTITY:HEXDIGITS")
    refused(c, "no_hex", "team:correct-horse-battery-staple\n", "line 1", "hex")
    refused(c, "long", f"team:{'ab' * 65}\n", "line 1", "64")
    refused(c, "no_identity", f":{'ab' * 32}\n", "line 1", "identity")
    refused(c, "second", f"# fine:\none:{'ab' * 32}\ntwo:00\n", "line 3", "16")
    refused(c, "twice", f"one:{'ab' * 32}\none:{'cd' * 32}\n", "key 2")
    refused(c, "empty", "\n# nothing\n", "no key")
    refused(c, "binary", "team:\0\n", "not a text file")
    missing = c.run("--key", c.folder / "nowhere.key")
    check(missing.status == 2 and "--new-key" in missing.stderr_text(), missing.stderr_text())


@case
def new_key_file(c):
    path = c.folder / "team.key"
    made = c.run("--new-key", path)
    check(made.status == 0 and "scp" in made.stdout_text(), f"{made.status}: {made.stdout_text()}")
    check(stat.S_IMODE(path.stat().st_mode) == 0o600, f"mode {oct(path.stat().st_mode)}")
    text = path.read_text()
    identity, _, secret = text.rstrip("\n").partition(":")
    check(text.count("\n") == 1 and text.endswith("\n"), "not one line")
    check(identity.startswith("kith-") and len(bytes.fromhex(secret)) == 32, "not identity:hexkey")
    check(secret not in made.stdout_text() + made.stderr_text(), "it told the key")
    again = c.run("--new-key", path)
    check(again.status == 1 and "exists" in again.stderr_text(), again.stderr_text())
    check(path.read_text() == text, "the old key was overwritten")
    (c.folder / "link.key").symlink_to(c.folder / "elsewhere.key")
    check(c.run("--new-key", c.folder / "link.key").status == 1, "it followed a link")
    other = c.run("--new-key", c.folder / "other.key")
    check(other.status == 0 and (c.folder / "other.key").read_text() != text, "the same key twice")
    check(c.run("--new-key", c.folder / "no" / "folder.key").status == 1, "no such folder")


@case
def key_others_can_read(c):
    """A warning, not a refusal."""
    path = c.new_key()
    path.chmod(0o644)
    alice = c.chat("alice", key=path)
    alice.expect_line("warning: others can read", "stderr")
    alice.leave()
    path.chmod(0o600)
    bob = c.chat("bob", key=path)
    bob.leave()
    check("warning" not in bob.stderr_text(), "a warning about a file that is fine")


@case
def key_on_command_line(c):
    """What looks like a key there is not taken, and not repeated."""
    secret = "ab" * 32
    done = c.run("--key", f"team:{secret}")
    check(done.status == 2 and secret not in done.stdout_text() + done.stderr_text(), "it told it")
    check("--new-key" in done.stderr_text(), done.stderr_text())


@case
def insecure_needs_ws(c):
    """Encryption is never more or less than what was asked for."""
    key = c.new_key()
    for options, word in (
            (("--key", key, "--connect", "ws://127.0.0.1:9"), "--insecure"),
            (("--key", key, "--listen", "ws://127.0.0.1:0"), "--insecure"),
            (("--insecure", "--connect", "wss://127.0.0.1:9"), "--key"),
            (("--insecure", "--listen", "WSS://127.0.0.1:0"), "--key"),
            (("--insecure", "--key", key), "contradict"),
            ((), "--new-key")):
        done = c.run(*options)
        check(done.status == 2, f"{options}: status {done.status} instead of 2")
        check(word in done.stderr_text(), f"{options}: no {word!r} in {done.stderr_text()!r}")


@case
def plain_on_secure(c):
    """Who does not speak TLS gets a bare refusal out of a secure port, and no peer."""
    key = c.new_key()
    alice = c.chat("alice", key=key)
    got = talk_raw(alice.port(), UPGRADE)
    # Nothing, or words that are the same for everyone and name no program, version or key.
    allowed = (b"", b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    check(got in allowed, f"a plain client got {got[:200]!r}")
    garbage = talk_raw(alice.port(), b"\x00\x01\x02\x03")
    check(garbage in allowed, f"a stranger got {garbage[:200]!r}")
    eve = c.chat("eve", "--connect", f"ws://127.0.0.1:{alice.port()}", insecure=True)
    failed = eve.expect("dial", state="failed")
    check(failed["reason"] == "NOT_KITH", f"{failed}")
    eve.expect_exit(1)
    still_works(c, alice, key)


@case
def secure_on_plain(c):
    """The reverse: a peer that wants TLS never falls back to a port without it."""
    alice = c.chat("alice", insecure=True)
    bob = c.chat("bob", "--connect", f"wss://127.0.0.1:{alice.port()}", key=c.new_key())
    failed = bob.expect("dial", state="failed")
    check(failed["reason"] == "NOT_KITH", f"{failed}")
    bob.expect_exit(1)
    check(not alice.all("peer"), "alice saw a peer")
    alice.leave()
