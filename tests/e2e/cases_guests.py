# SPDX-License-Identifier: MIT
"""Who may come in, who has to go, and who stays the same over restarts."""
import json
import os
import stat

from certificates import alone
from harness import case, check, free_port
from screen import person

CLOCK = r"^\d\d:\d\d "


def turned_away(chat, reason, *words):
    """It is told why, in an event and in words, and ends with the status for that."""
    failed = chat.expect("dial", state="failed")
    check(failed["reason"] == reason, f"the reason was {failed['reason']}, not {reason}: {failed}")
    chat.expect("error", code="TURNED_AWAY")
    chat.expect_exit(3)
    check(not chat.all("peer"), f"{chat.name} saw a peer")
    for word in words:
        check(word in chat.stderr_text(), f"{word!r} is not in {chat.stderr_text()!r}")


def asked_about(chat, other):
    asked = chat.expect("invitation", name=other.name)
    check(asked["id"] == other.expect("open")["id"], f"not the id of {other.name}: {asked}")
    check(not chat.all("peer", name=other.name), "a peer before the answer")
    return asked


def knock(c, security, *options):
    """Bob wants to come in to alice, who asks."""
    alice = c.chat("alice", "--ask", *options, **security)
    bob = c.chat("bob", "--connect", alice.url(), "--context", "Bob, from the choir ♫", **security)
    asked = asked_about(alice, bob)
    check(asked["context"] == "Bob, from the choir ♫", f"{asked}")
    return alice, bob, asked


def let_in(c, security, level):
    alice, bob, asked = knock(c, security)
    check(asked["level"] == level and asked["timeout_ms"] > 0, f"{asked}")
    check(not bob.all("peer"), "bob is in before the answer")
    alice.say("/accept")
    answer = alice.expect("answer", number=asked["number"], answer="ACCEPTED")
    check((answer["id"], answer["name"], answer["sha256"]) == (asked["id"], "bob", ""), f"{answer}")
    bob.expect_peer("alice")
    bob.say("thank you")
    alice.expect_texts("bob", ["thank you"])
    check(not bob.all("invitation"), "bob was asked about whom he had dialled himself")
    bob.leave()
    alice.leave()


@case
def asked_and_let_in(c):
    let_in(c, {"key": c.new_key()}, "IDENTITY")


@case
def asked_and_let_in_in_clear(c):
    let_in(c, {"insecure": True}, "NONE")


@case
def asked_and_rejected(c):
    """By number and by name; who is turned away is told, and may ask again."""
    key = c.new_key()
    alice, bob, asked = knock(c, {"key": key})
    alice.say(f"/reject {asked['number']}")
    alice.expect("answer", number=asked["number"], answer="REFUSED")
    turned_away(bob, "REJECTED", "--context")
    again = c.chat("again", "--connect", alice.url(), key=key)
    check(asked_about(alice, again)["number"] == asked["number"] + 1, "not the next number")
    alice.say("/reject again")
    turned_away(again, "REJECTED")
    check(not alice.all("peer"), "alice saw a peer")
    alice.leave()


@case
def who_knocks_and_goes(c):
    """Its question ends with it, and "the" question is then not taken for another."""
    key = c.new_key()
    alice, bob, asked = knock(c, {"key": key})
    bob.leave()
    alice.expect("answer", number=asked["number"], answer="LAPSED")
    carol = c.chat("carol", "--connect", alice.url(), key=key)
    asked = asked_about(alice, carol)
    alice.say("/accept")
    alice.expect("error", code="NOT_FOUND")
    alice.say(f"/accept {asked['number']}")
    carol.expect_peer("alice")
    carol.leave()
    alice.close_input()
    alice.expect_exit(1)


@case
def asked_at_the_end(c):
    """When the input ends nobody can answer any more."""
    alice, bob, asked = knock(c, {"key": c.new_key()})
    alice.leave()
    alice.expect("answer", number=asked["number"], answer="REFUSED")
    turned_away(bob, "REJECTED", "nobody is there to be asked")


@case
def one_row_of_questions(c):
    """About a certificate first, then about who shows it, under one row of numbers."""
    one, two = alone(c, "alice"), alone(c, "bob")
    alice = c.chat("alice", "--ask", "--ca", two.cert, *one.options())
    stranger = c.chat("stranger", "--connect", alice.url(), "--ca", one.cert, *alone(c, "eve").options())
    alice.expect("question", number=1)
    bob = c.chat("bob", "--connect", alice.url(), "--ca", one.cert, *two.options())
    check(asked_about(alice, bob)["number"] == 2, "not the next number")
    alice.say("/accept")
    alice.expect("error", code="AMBIGUOUS")
    alice.say("/accept eve")  # by the name in the certificate
    check(asked_about(alice, stranger)["number"] == 3, "not the next number")
    for chat in (bob, stranger):
        alice.say(f"/accept {chat.name}")
        chat.expect_peer("alice")
        alice.expect_peer(chat.name)
    for chat in (bob, stranger):
        chat.leave()
    alice.close_input()
    alice.expect_exit(1)


@case
def asked_at_a_terminal(c):
    """What a person sees, and that a name cannot forge a line of the program."""
    key = c.new_key()
    alice = person(c, "alice", "--ask", "--listen", "wss://127.0.0.1:0", key=key)
    url = alice.expect_said(CLOCK + r"\* listening: .* --connect (\S+)$")[1]
    bob = c.chat("bob] lets himself in", "--connect", url, "--context", "it is me", key=key)
    alice.expect_said(CLOCK + r'\* question 1: "bob\] lets himself in", who dials you from 127.0.0.1:\d+, wants')
    alice.expect_said(bob.expect("open")["id"] + ", which is proved")
    alice.expect_said(CLOCK + r"\* +it says: it is me$")
    alice.expect_below(r"1 question: /accept or /reject")
    alice.type("/acc\t1\r")
    alice.expect_said(CLOCK + r'\* question 1: let in "bob\]')
    bob.expect_peer("alice")
    alice.expect_below("1 connected")
    alice.type("/ki\t\"bo\tsee you\r")
    bob.expect_peer("alice", "departed", reason="KICKED", text="see you")
    alice.expect_below("nobody is connected")
    bob.leave()
    alice.leave()


@case
def kicked(c):
    """It is told, does not dial again by itself, and may come back."""
    key = c.new_key()
    alice = c.chat("alice", key=key)
    bob = c.chat("bob", "--redial", "--connect", alice.url(), key=key)
    alice.expect_peer("bob")
    alice.say("/kick bob that is enough")
    bob.expect_peer("alice", "departed", reason="KICKED", text="that is enough")
    bob.expect("dial", state="closed", reason="KICKED")
    alice.expect_peer("bob", "departed", reason="LOCAL")
    bob.leave()
    check(len(bob.all("dial")) == 2, "bob dialled again")
    again = c.chat("bob", "--connect", alice.url(), key=key)
    again.expect_peer("alice")
    again.leave()
    for count, wrong in enumerate(("/kick nobody", "/kick", "/ban nobody", "/unban bob"), 1):
        alice.say(wrong)
        alice.expect("error", code="NOT_FOUND", count=count)
    alice.close_input()
    alice.expect_exit(1)


def banned(c, alice, security):
    """Bob is put out, is not let in, and is after /unban."""
    options = "--connect", alice.url(), "--identity", "bob.id"
    bob = c.chat("bob", "--redial", *options, **security)
    alice.expect_peer("bob")
    bob.expect_peer("alice")
    alice.say("/ban")
    check(alice.expect("bans")["bans"] == [], "somebody is banned already")
    alice.say("/ban bob not with me")
    bob.expect_peer("alice", "departed", reason="BANNED", text="not with me")
    own = bob.expect("open")["id"]
    check(alice.expect("bans", count=2)["bans"] == [{"id": own, "name": "bob"}], f"{alice.all('bans')}")
    bob.leave()
    turned_away(c.chat("bob", *options, **security), "BANNED", "/unban")
    return options


@case
def banned_by_id(c):
    security = {"key": c.new_key()}
    alice = c.chat("alice", **security)
    options = banned(c, alice, security)
    alice.say("/unban bob")
    check(alice.expect("bans", count=3)["bans"] == [], "still banned")
    bob = c.chat("bob", *options, **security)
    bob.expect_peer("alice")
    bob.leave()
    alice.leave()


@case
def banned_by_certificate(c):
    """Also where it comes as somebody else."""
    one, two = alone(c, "alice"), alone(c, "bob")
    alice = c.chat("alice", "--ca", two.cert, *one.options())
    trusted = "--ca", one.cert, *two.options()
    bob = c.chat("bob", "--connect", alice.url(), *trusted)
    alice.expect_peer("bob")
    alice.say("/ban bob")
    bob.expect_peer("alice", "departed", reason="BANNED")
    bob.leave()
    turned_away(c.chat("robert", "--connect", alice.url(), *trusted), "BANNED")
    alice.say("/unban bob")
    check(alice.expect("bans", count=2)["bans"] == [], "still banned")
    bob = c.chat("robert", "--connect", alice.url(), *trusted)
    bob.expect_peer("alice")
    bob.leave()
    alice.leave()


@case
def no_more_than_max_peers(c):
    key = c.new_key()
    alice = c.chat("alice", "--max-peers", "1", key=key)
    bob = c.chat("bob", "--connect", alice.url(), key=key)
    bob.expect_peer("alice")
    carol = c.chat("carol", "--connect", alice.url(), key=key)
    carol.expect("dial", state="waiting", reason="FULL")
    bob.leave()
    carol.expect_peer("alice")  # there is room now
    carol.leave()
    alice.leave()


# ---- invitations ------------------------------------------------------------------------------------

@case
def invited(c):
    """It says who, where, and in which session, and holds no key."""
    key = c.new_key()
    alice = c.chat("alice", "--session", "garden party", "--listen", "wss://*:0", key=key)
    alice.url()
    alice.say("/invite")
    text = alice.expect("invite")["text"]
    secret = key.read_text().strip().split(":")[1]
    check(alice.expect("open")["id"] in text and secret not in text and secret[:16] not in text, text)
    bob = c.chat("bob", "--connect", text, key=key)
    check(bob.expect("open")["session"] == "garden party", "another session")
    bob.expect_peer("alice")
    check(bob.expect("dial", state="ready")["url"].startswith("wss://"), f"{bob.all('dial')}")
    bob.leave()
    for wrong, word in ((text[:-1], "damaged"), (text.replace("garden", "kitchen"), "damaged"),
                        ("kith:", "kith:")):
        done = c.run("--key", key, "--connect", wrong)
        check(done.status == 2 and word in done.stderr_text(), f"{done.status}: {done.stderr_text()}")
    done = c.run("--key", key, "--session", "kitchen", "--connect", text)
    check(done.status == 2 and "garden party" in done.stderr_text(), f"{done.status}: {done.stderr_text()}")
    done = c.run("--insecure", "--connect", text)
    check(done.status == 2, f"{done.status}: {done.stderr_text()}")
    alice.leave()


@case
def invited_to_somebody_else(c):
    """Where somebody else has the address by now, the invitation is not for him."""
    key = c.new_key()
    url = f"wss://127.0.0.1:{free_port()}"
    alice = c.chat("alice", "--listen", url, key=key)
    alice.url()
    alice.say("/invite")
    text = alice.expect("invite")["text"]
    alice.leave()
    carol = c.chat("carol", "--listen", url, key=key)
    carol.url()
    bob = c.chat("bob", "--connect", text, key=key)
    bob.expect("dial", state="failed")
    bob.expect_exit(1)
    check(not bob.all("peer") and not carol.all("peer"), "carol was taken for alice")
    carol.leave()


# ---- --identity -------------------------------------------------------------------------------------

@case
def identity_file(c):
    """It is made for its owner only, keeps the id, and is never shown."""
    path = c.folder / "alice.id"
    old = os.umask(0)
    try:
        first = c.chat("alice", "--identity", str(path), "--verbose", "--verbose", insecure=True)
        own = first.expect("open")["id"]
    finally:
        os.umask(old)
    check(stat.S_IMODE(path.stat().st_mode) == 0o600, f"its mode is {path.stat().st_mode:o}")
    line = path.read_text()
    check(line.startswith("kith-identity-1:") and line.endswith("\n") and line.count("\n") == 1,
          "another form")
    check(sorted(p.name for p in c.folder.iterdir()) == ["alice.id"], "something is left beside it")
    first.leave()
    second = c.chat("alice", "--identity", str(path), insecure=True)
    check(second.expect("open")["id"] == own, "another id")
    check(path.read_text() == line, "the file was changed")
    second.leave()
    for chat in (first, second):
        check(line.split(":")[1].strip() not in chat.stdout_text() + chat.stderr_text(), "it was shown")
    third = c.chat("alice", insecure=True)
    check(third.expect("open")["id"] != own, "the same id without the file")
    third.leave()


@case
def identity_file_refused(c):
    """Each with 2, what to do, and nothing of what is in the file."""
    made = c.chat("alice", "--identity", "alice.id", insecure=True)
    made.expect("open")
    made.leave()
    path = c.folder / "alice.id"
    secret = path.read_text().split(":")[1].strip()
    key = c.new_key()
    c.write("cut.id", path.read_text()[:-8])
    c.write("zero.id", "kith-identity-1:" + "0" * 64)
    c.write("empty.id", "")
    (c.folder / "nowhere.id").symlink_to("missing/there")
    path.chmod(0o640)
    for name, word in (("alice.id", "chmod 600"), (key.name, "no identity"), ("cut.id", "no identity"),
                       ("zero.id", "no identity"), ("empty.id", "no identity"), (".", "cannot read"),
                       ("missing/there", "cannot write"), ("nowhere.id", "cannot")):
        done = c.run("--insecure", "--identity", name)
        check(done.status == 2, f"{name}: status {done.status}: {done.stderr_text()}")
        check(word in done.stderr_text() and name in done.stderr_text(), f"{name}: {done.stderr_text()}")
        check(secret[:16] not in done.stderr_text() and not done.stdout, f"{name}: it said too much")
    done = c.run("--insecure", "--json", "--identity", "alice.id")
    check(json.loads(done.stdout[0])["code"] == "IDENTITY", f"{done.stdout}")


@case
def identity_made_by_two_at_once(c):
    """Whoever is first makes it; all others are the same."""
    chats = [c.chat(f"chat{i}", "--identity", "one.id", insecure=True) for i in range(6)]
    ids = {chat.expect("open")["id"] for chat in chats}
    check(len(ids) == 1, f"{len(ids)} identities of one file")
    check(sorted(p.name for p in c.folder.iterdir()) == ["one.id"], "something is left beside it")
    for chat in chats:
        chat.leave()
