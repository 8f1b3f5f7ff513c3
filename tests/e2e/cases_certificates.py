# SPDX-License-Identifier: MIT
"""Certificates: what is trusted is taken, what is not is asked about, and the answers are kept."""
import re
import stat

from certificates import Authority, alone, grouped, openssl
from harness import Case, case, check, free_port
from screen import person

CLOCK = r"^\d\d:\d\d "


def expect_question(chat, pair, *doubts, **fields):
    """Waits for the question about a certificate; gives it."""
    question = chat.expect("question", sha256=pair.sha256(), **fields)
    check(set(question["doubts"]) == set(doubts), f"the doubts are {question['doubts']}")
    return question


def refused(c, dialler, accepter):
    """Neither side has a peer, and the one who dialled is told why."""
    failed = dialler.expect("dial", state="failed")
    check(failed["reason"] == "UNTRUSTED", f"{failed}")
    dialler.expect_exit(1)
    check(not dialler.all("peer") and not accepter.all("peer"), "somebody saw a peer")
    check("--ca" in dialler.stderr_text(), f"no next step: {dialler.stderr_text()}")


@case
def certificates_of_one_ca(c):
    """Nobody is asked, and each knows the other's certificate."""
    root = Authority(c)
    one, two = root.leaf("alice"), root.leaf("bob")
    alice = c.chat("alice", "--ca", root.file, *one.options())
    check(alice.expect("certificate")["sha256"] == one.sha256(), "its own fingerprint is another one")
    check(alice.expect("open")["security"] == "PKI", "not PKI")
    bob = c.chat("bob", "--connect", alice.url(), "--ca", root.file, *two.options())
    peer = alice.expect_peer("bob")
    check((peer["level"], peer["sha256"]) == ("IDENTITY", two.sha256()), f"{peer}")
    check(bob.expect_peer("alice")["sha256"] == one.sha256(), "bob sees another certificate")
    bob.say("hello")
    alice.expect_texts("bob", ["hello"])
    check(not alice.all("question") + bob.all("question"), "somebody was asked")
    for chat in (bob, alice):
        chat.leave()


@case
def self_signed_accepted(c):
    """Both ask, about one another, and each shows what openssl says of the certificate."""
    one, two = alone(c, "alice"), alone(c, "bob", host="DNS:bob.example")
    alice = c.chat("alice", *one.options())
    bob = c.chat("bob", "--connect", alice.url(), *two.options())
    asked = expect_question(bob, one, "UNTRUSTED", "SELF_SIGNED", host="127.0.0.1", names="127.0.0.1")
    bob.say(f"/accept {asked['number']}")
    bob.expect("answer", number=asked["number"], answer="ACCEPTED")
    asked = expect_question(alice, two, "UNTRUSTED", "SELF_SIGNED", host="", subject="CN=bob",
                            issuer="CN=bob", names="bob.example")
    check(not alice.all("peer"), "a peer before the answer")
    for shown, option in ((asked["not_before"], "-startdate"), (asked["not_after"], "-enddate")):
        told = openssl(c, "x509", "-in", two.cert, "-noout", option, "-dateopt", "iso_8601").strip()
        check(told.split("=")[1].replace(" ", "T") == shown, f"{shown} is {told}")
    alice.say("/accept")
    alice.expect_peer("bob")
    bob.expect_peer("alice")
    alice.say("welcome")
    bob.expect_texts("alice", ["welcome"])
    bob.leave()
    again = c.chat("again", "--connect", alice.url(), "--ca", one.cert, *two.options())
    alice.expect_peer("again")
    check(len(alice.all("question")) == 1, "asked again about what was accepted")
    check(not again.all("question"), "a certificate in the file of --ca is not trusted")
    for chat in (again, alice):
        chat.leave()


@case
def self_signed_rejected(c):
    """Who was refused stays so, and is not asked about again."""
    root = Authority(c)
    one, two = root.leaf("alice"), alone(c, "mallory")
    alice = c.chat("alice", "--ca", root.file, *one.options())
    for attempt in range(2):
        mallory = c.chat("mallory", "--connect", alice.url(), "--ca", root.file, *two.options())
        if attempt == 0:
            asked = expect_question(alice, two, "UNTRUSTED", "SELF_SIGNED")
            alice.say("/reject mallory")
            alice.expect("answer", number=asked["number"], answer="REFUSED")
        else:
            alice.expect("answer", number=0, answer="REFUSED", sha256=two.sha256())
        refused(c, mallory, alice)
    check(len(alice.all("question")) == 1, "asked twice")
    alice.leave()


@case
def the_dialler_rejects(c):
    one = alone(c, "alice")
    alice = c.chat("alice", "--client-certs", "none", *one.options())
    bob = c.chat("bob", "--trust", "ask", "--connect", alice.url())
    expect_question(bob, one, "UNTRUSTED", "SELF_SIGNED")
    bob.say("/reject 1")
    refused(c, bob, alice)
    check(not bob.all("listening"), "it listens without a certificate")
    alice.leave()


def shown_to_bob(c, root, leaf, host, *doubts):
    """A listener's certificate with something wrong: it is told, and can be accepted all the same."""
    url = f"wss://{host}:{free_port()}"
    alice = c.chat("alice", "--listen", url, "--ca", root.file, "--client-certs", "none", *leaf.options())
    alice.url()
    bob = c.chat("bob", "--connect", url, "--ca", root.file, "--trust", "never")
    answer = bob.expect("answer", number=0, answer="REFUSED", sha256=leaf.sha256())
    check(answer["why"], "it does not say why")
    refused(c, bob, alice)
    carol = c.chat("carol", "--connect", url, "--ca", root.file)
    asked = expect_question(carol, leaf, *doubts, host=host)
    carol.say(f"/accept {asked['number']}")
    carol.expect_peer("alice")
    for chat in (carol, alice):
        chat.leave()


@case
def expired(c):
    root = Authority(c)
    shown_to_bob(c, root, root.leaf("old", first_day=-20, last_day=-1), "127.0.0.1", "EXPIRED")


@case
def not_yet_valid(c):
    root = Authority(c)
    shown_to_bob(c, root, root.leaf("young", first_day=2), "127.0.0.1", "NOT_YET_VALID")


@case
def wrong_name(c):
    root = Authority(c)
    shown_to_bob(c, root, root.leaf("elsewhere", host="DNS:elsewhere.example,IP:127.0.0.2"), "127.0.0.1",
                 "WRONG_NAME")


@case
def everything_is_wrong(c):
    other, root = Authority(c, "other"), Authority(c)
    shown_to_bob(c, root, other.leaf("odd", host="DNS:odd.example", first_day=-9, last_day=-2), "127.0.0.1",
                 "UNTRUSTED", "EXPIRED", "WRONG_NAME")


@case
def revoked_by_the_application(c):
    """Whoever the CA vouches for can still be put out, and stays out in the next run as well."""
    root = Authority(c)
    one, two = root.leaf("alice"), root.leaf("bob")
    known = c.folder / "known"
    alice = c.chat("alice", "--ca", root.file, "--known", str(known), *one.options())
    bob = c.chat("bob", "--connect", alice.url(), "--ca", root.file, *two.options())
    alice.expect_peer("bob")
    alice.say("/distrust nobody")
    alice.expect("error", code="NOT_FOUND")
    alice.say("/distrust bob")
    alice.expect_peer("bob", "departed", reason="LOCAL")
    bob.expect_peer("alice", "departed", reason="KICKED")
    bob.leave()
    refused(c, c.chat("bob", "--connect", alice.url(), "--ca", root.file, *two.options()), DEAF)
    alice.close_input()
    alice.expect_exit(1)  # for the name that nobody has
    check(known.read_text().splitlines()[1:] == [f"refuse {two.sha256()}"], known.read_text())
    alice = c.chat("alice", "--ca", root.file, "--known", str(known), *one.options())
    refused(c, c.chat("bob", "--connect", alice.url(), "--ca", root.file, *two.options()), alice)
    check(not alice.all("question"), "asked about what is refused")
    alice.leave()


class Deaf:
    """Stands for a side of which it is not looked at whether it saw a peer."""
    def all(self, *_):
        return []


DEAF = Deaf()


@case
def known_file(c):
    """What was accepted is accepted in the next run: for that host, and for no further doubt."""
    one = alone(c, "alice")
    known = c.folder / "known"
    known.write_text(f"# mine\n\nrefuse {'ab' * 32}\n")
    known.chmod(0o644)
    port = free_port()
    alice = c.chat("alice", "--listen", f"wss://127.0.0.1:{port}", "--client-certs", "none", *one.options())
    url = alice.url()
    bob = c.chat("bob", "--connect", url, "--known", str(known))
    expect_question(bob, one, "UNTRUSTED", "SELF_SIGNED")
    bob.say("/accept")
    bob.expect_peer("alice")
    bob.leave()
    check(stat.S_IMODE(known.stat().st_mode) == 0o600, f"mode {oct(known.stat().st_mode)}")
    check(known.read_text().splitlines()[1:] == [
        f"refuse {'ab' * 32}", f"accept {one.sha256()} UNTRUSTED,SELF_SIGNED 127.0.0.1"], known.read_text())
    check([p.name for p in c.folder.glob("known*")] == ["known"], "files were left behind")
    bob = c.chat("bob", "--connect", url, "--known", str(known), "--trust", "never")
    bob.expect_peer("alice")
    check(not bob.all("question"), "asked about what is known")
    bob.leave()
    # By another name it is another question.
    bob = c.chat("bob", "--connect", f"wss://localhost:{port}", "--known", str(known))
    expect_question(bob, one, "UNTRUSTED", "SELF_SIGNED", "WRONG_NAME", host="localhost")
    bob.say("/reject")
    refused(c, bob, DEAF)
    alice.leave()
    for text, word in (("accept me\n", "line 1"), ("#\nrefuse abc\n", "line 2"),
                       (f"accept {'ab' * 32} MOOD *\n", "line 1"), ("a\0b", "not a text file"),
                       (f"refuse {'ab' * 32} really\n", "line 1")):
        known.write_text(text)
        done = c.run("--known", known, "--connect", url)
        check(done.status == 2 and word in done.stderr_text(), f"{text!r}: {done.status} {done.stderr}")
        check(known.read_text() == text, "the file was written to")


@case
def answered_later(c):
    """A second passes before the answer. The others talk all the while, also to the one who is asked."""
    root = Authority(c)
    one, two, three = root.leaf("alice"), root.leaf("bob"), alone(c, "carol")
    alice = c.chat("alice", "--ca", root.file, *one.options())
    bob = c.chat("bob", "--connect", alice.url(), "--ca", root.file, *two.options())
    alice.expect_peer("bob")
    carol = c.chat("carol", "--connect", alice.url(), "--ca", root.file, *three.options())
    asked = expect_question(alice, three, "UNTRUSTED", "SELF_SIGNED")
    said = []
    # Each round waits for an answer of the other side.
    while len(said) < 10 or alice.events[-1]["t_ms"] < asked["t_ms"] + 1000:
        said.append(f"{len(said)}")
        bob.say(said[-1])
        alice.expect_texts("bob", said)
        alice.say(said[-1])
        bob.expect_texts("alice", said)
    check(not carol.all("dial") and not alice.all("peer", name="carol"), "decided without an answer")
    alice.say(f"/accept {asked['number']}")
    alice.expect_peer("carol")
    carol.expect_peer("alice")
    carol.say("thanks")
    alice.expect("message", name="carol", text="thanks")
    for chat in (carol, bob, alice):
        chat.leave()


@case
def several_questions(c):
    """Each by its number or name; one name for two is none; and what has ended is told."""
    root = Authority(c)
    one = root.leaf("alice")
    alice = c.chat("alice", "--ca", root.file, *one.options())
    (c.folder / "second").mkdir()
    second = Case("second")
    try:
        twins = alone(c, "twin"), alone(second, "twin")
        digits = alone(c, "1")
        dialled = [c.chat(f"n{i}", "--connect", alice.url(), "--ca", root.file, *pair.options())
                   for i, pair in enumerate((*twins, digits))]
        numbers = [expect_question(alice, pair, "UNTRUSTED", "SELF_SIGNED")["number"]
                   for pair in (*twins, digits)]
        for line, code in (("/accept twin", "AMBIGUOUS"), ("/accept", "AMBIGUOUS"), ("/accept nobody", "NOT_FOUND"),
                           ("/reject 77", "NOT_FOUND"), ("/accept 0", "NOT_FOUND")):
            before = len(alice.all("error", code=code))
            alice.say(line)
            alice.expect("error", before + 1, code=code)
        alice.say(f"/accept {numbers[0]}")
        alice.expect_peer("n0")
        check(not alice.all("answer", answer="REFUSED"), "another one was answered")
        alice.say("/reject twin")
        alice.expect("answer", number=numbers[1], answer="REFUSED")
        # One of two ends by itself: "the" question may not be the one that is meant.
        last = alone(c, "last")
        dialled.append(c.chat("n3", "--connect", alice.url(), "--ca", root.file, *last.options()))
        numbers.append(expect_question(alice, last, "UNTRUSTED", "SELF_SIGNED")["number"])
        dialled[2].send_signal(15)
        alice.expect("answer", number=numbers[2], answer="LAPSED")
        before = len(alice.all("error", code="NOT_FOUND"))
        alice.say("/accept")
        alice.expect("error", before + 1, code="NOT_FOUND")
        alice.say("/accept")
        alice.expect_peer("n3")
    finally:
        second.finish()
    alice.close_input()
    alice.expect_exit(1)


@case
def questions_without_end(c):
    """Whoever connects and goes, again and again, is not asked about for ever; an answer, be it to no
    question, shows that somebody is there."""
    root = Authority(c)
    one, two, nag = root.leaf("alice"), alone(c, "bob"), alone(c, "nag")
    alice = c.chat("alice", "--ca", root.file, *one.options())

    def connect_and_go(count, answer):
        client = c.start("openssl", "s_client", "-connect", f"127.0.0.1:{alice.port()}", "-tls1_3", "-quiet",
                         "-cert", nag.cert, "-key", nag.key)
        client.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                     b"Sec-WebSocket-Protocol: kith.v1\r\n\r\n")
        if answer == "LAPSED":
            alice.expect("question", count)
            client.end()
        alice.expect("answer", count, answer=answer)
        client.end()

    for count in range(1, 17):
        connect_and_go(count, "LAPSED")
    connect_and_go(1, "REFUSED")
    check(len(alice.all("question")) == 16, "asked all the same")
    alice.say("/reject")
    alice.expect("error", code="NOT_FOUND")
    bob = c.chat("bob", "--connect", alice.url(), "--ca", root.file, *two.options())
    expect_question(alice, two, "UNTRUSTED", "SELF_SIGNED")
    alice.say("/accept bob")
    bob.expect_peer("alice")
    bob.leave()
    alice.close_input()
    alice.expect_exit(1)


@case
def nobody_to_ask(c):
    """At the end of the input nobody can answer: the answer is no, at once."""
    one, two = alone(c, "alice"), alone(c, "bob")
    alice = c.chat("alice", "--ca", two.cert, *one.options())
    bob = c.chat("bob", "--connect", alice.url(), *two.options())
    expect_question(bob, one, "UNTRUSTED", "SELF_SIGNED")
    bob.say("hello")
    bob.close_input()
    bob.expect("answer", number=1, answer="REFUSED")
    bob.expect_exit(1)
    check(bob.all("undelivered", ticket=1, fate="UNSENT"), "its line is not accounted for")
    alice.leave()


@case
def client_certificates(c):
    """Required, wanted or none."""
    root = Authority(c)
    one, two = root.leaf("alice"), alone(c, "bob")
    for how, shows, is_in in (("required", False, False), ("wanted", False, True), ("none", False, True),
                              ("wanted", True, False), ("none", True, True)):
        alice = c.chat("alice", "--ca", root.file, "--client-certs", how, "--trust", "never", *one.options())
        bob = c.chat("bob", "--ca", root.file, "--connect", alice.url(), *(two.options() if shows else ()))
        if is_in:
            check(alice.expect_peer("bob")["sha256"] == "", f"{how}: it has seen a certificate")
            bob.leave()
        else:
            failed = bob.expect("dial", state="failed")
            check(failed["reason"] in ("AUTH", "UNTRUSTED"), f"{how}: {failed}")
            bob.expect_exit(1)
            check(not alice.all("peer"), f"{how}: alice saw a peer")
        alice.leave()


@case
def private_key_others_can_read(c):
    """A warning, not a refusal."""
    one = alone(c, "alice")
    (c.folder / "alice.key").chmod(0o644)
    alice = c.chat("alice", *one.options())
    alice.expect_line(r"warning: others can read .*alice\.key", "stderr")
    alice.leave()


@case
def certificate_usage_errors(c):
    one, two = alone(c, "one"), alone(c, "two")
    key = c.new_key()
    url = ("--connect", "wss://127.0.0.1:9")
    (c.folder / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    for options, word in (
            (("--cert", one.cert), "--cert-key"),
            (("--cert-key", one.key), "--cert FILE"),
            ((*one.options(), "--cert", two.cert), "twice"),
            ((*one.options(), "--key", key), "contradict"),
            ((*one.options(), "--insecure"), "contradict"),
            ((*one.options(), "--tls12"), "--tls12"),
            ((*one.options(), "--connect", "ws://127.0.0.1:9"), "wss://"),
            ((*one.options(), "--trust", "never"), "--ca"),
            ((*one.options(), "--trust", "maybe"), "ask or never"),
            ((*one.options(), "--client-certs", "some"), "required, wanted or none"),
            (("--no-discovery", "--ca", one.cert), "--connect"),
            (("--ca", one.cert, "--listen", "wss://127.0.0.1:0"), "--cert"),
            (("--cert", one.cert, "--cert-key", two.key, *url), "key"),
            (("--cert", c.folder / "nowhere.pem", "--cert-key", one.key, *url), "nowhere.pem"),
            (("--cert", c.folder / "broken.pem", "--cert-key", one.key, *url), "certificate"),
            (("--ca", key, *url), "certificate"),
            (("--insecure", "--tls12"), "--tls12")):
        done = c.run(*options)
        check(done.status == 2, f"{options}: status {done.status} instead of 2: {done.stderr_text()}")
        check(word in done.stderr_text() and "kith-chat: " in done.stderr_text(),
              f"{options}: no {word!r} in {done.stderr_text()!r}")
        secret = "".join(open(one.key).read().splitlines()[1:-1])
        check(secret not in done.stderr_text(), "it told the private key")


@case
def questions_at_a_terminal(c):
    """The question stands among what is said, in words; the line being typed is not disturbed, and the
    rest of the chat goes on."""
    root = Authority(c)
    one, two, three = root.leaf("alice"), root.leaf("bob"), alone(c, "carol")
    url = f"wss://127.0.0.1:{free_port()}"
    alice = person(c, "alice", "--listen", url, "--ca", root.file, *one.options())
    alice.expect_said(CLOCK + r"\* listening: .*--cert FILE --cert-key FILE")
    own = [re.sub(CLOCK, "", line) for line in alice.drawn(alice.above) if re.search(r"(SHA-256|\* ) +[0-9a-f ]{39}$", line)]
    check(grouped("".join(own).replace("SHA-256", "")) == one.sha256(), f"its own fingerprint: {own}")
    bob = c.chat("bob", "--connect", url, "--ca", root.file, *two.options())
    alice.expect_below("1 connected")
    alice.type("half a ")
    carol = c.chat("carol", "--connect", url, "--ca", root.file, *three.options())
    alice.expect_said(CLOCK + r"\* question 1: 127\.0\.0\.1:\d+, who dials you, shows the certificate of$")
    alice.expect_below("1 question")
    alice.expect_said("say /accept 1, else")
    text = "\n".join(alice.drawn(alice.above))
    shown = re.search(r"SHA-256 +((?:[0-9a-f]{4} ?){8})\n\S+ \* +((?:[0-9a-f]{4} ?){8})\n",
                      text[text.index("question 1:"):])
    check(shown and grouped(shown[1] + shown[2]) == three.sha256(), f"the fingerprint: {text}")
    for words in (r"CN=carol", r"issued by CN=carol", r"good from \d{4}-\d\d-\d\d", "no CA that you trust"):
        alice.expect_said(CLOCK + r"\* .*" + words)
    bob.say("who is that?")
    alice.expect_said(CLOCK + "<bob> who is that[?]$")
    alice.expect_typed("half a")
    alice.type("minute\r")
    bob.expect_texts("alice", ["half a minute"])
    alice.type("/acc\t1\r")
    alice.expect_said(CLOCK + r"\* question 1: accepted the certificate of CN=carol$")
    alice.expect_said(CLOCK + r"\* carol joined")
    carol.say("me")
    alice.expect_said(CLOCK + "<carol> me$")
    alice.type("/distrust ca\t")
    alice.expect_typed("/distrust carol ")
    alice.type("\r")
    carol.expect_peer("alice", "departed", reason="KICKED")
    alice.expect_said(CLOCK + r"\* the certificate of carol is refused from now on$")
    for chat in (carol, bob, alice):
        chat.leave()


@case
def names_in_certificates_are_text(c):
    """What a certificate says may be anything; on a terminal it stays in its line."""
    root = Authority(c)
    one = root.leaf("alice")
    url = f"wss://127.0.0.1:{free_port()}"
    alice = person(c, "alice", "--listen", url, "--ca", root.file, *one.options())
    alice.expect_said(CLOCK + r"\* listening: ")
    openssl(c, "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", 30, "-utf8", "-subj",
            "/CN=bob\x1b[31m\u202eevil\n12:00 <alice> yes/O=Big, CN=root", "-keyout", "odd.key", "-out", "odd.pem")
    bob = c.chat("bob", "--connect", url, "--ca", root.file, "--cert", "odd.pem", "--cert-key", "odd.key")
    said = alice.expect_said(CLOCK + r"\*   (CN=bob.*)")[1]
    check(said == "CN=bob\ufffd[31m\ufffdevil\ufffd12:00 \\<alice\\> yes,O=Big\\, CN\\=root", said)
    alice.type("/reject\r")
    bob.expect_exit(1)
    alice.leave()


@case
def plain_lines_without_a_terminal(c):
    """Off a terminal the question comes as plain lines, and the answer goes in as one."""
    one, two = alone(c, "alice"), alone(c, "bob")
    alice = c.chat("alice", "--ca", two.cert, *one.options(), json_mode=False)
    url = alice.expect_line(r"--connect (wss://127\.0\.0\.1:\d+)")[1]
    bob = c.chat("bob", "--connect", url, *two.options(), json_mode=False)
    bob.expect_line(r"^\* question 1: 127\.0\.0\.1:\d+, dialled as 127\.0\.0\.1, shows")
    bob.expect_line(r"within 60 s$")
    bob.say("/accept 1")
    bob.expect_line(r"^\* alice joined")
    bob.leave()
    alice.leave()
