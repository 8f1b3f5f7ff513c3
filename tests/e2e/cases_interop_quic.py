# SPDX-License-Identifier: MIT
"""QUIC with another TLS library: tests/interop/quic, a peer on GnuTLS, written from core/PROTOCOL.md. It
dials and is dialled, with a key and with certificates, as the arbiter and as the other."""
import harness
from cases_interop import Stranger, talk
from certificates import Authority
from harness import Skipped, case, check

PROGRAM = "kith-test-quic-peer"
QUIC = ("--listen", "quic://127.0.0.1:0")


def gnutls(c, *arguments):
    if not (harness.BIN / PROGRAM).exists():
        raise Skipped(f"there is no {PROGRAM} in this build: it takes libgnutls28-dev, and ngtcp2's archive")
    return Stranger(c, PROGRAM, [str(harness.BIN / PROGRAM), *map(str, arguments)])


def dialled(c, chat_options, *options):
    """Kith dials; whose id is greater is left to chance, and told."""
    stranger = gnutls(c, "quic://127.0.0.1:0", "kith-chat", "stranger", "--listen", *options)
    port = stranger.event("listening")["port"]
    alice = c.chat("alice", *QUIC, "--connect", f"quic://127.0.0.1:{port}", *chat_options[0], **chat_options[1])
    check(stranger.event("hello")["id"] == alice.expect("open")["id"], "it takes alice for somebody else")
    peer = alice.expect_peer("stranger")
    check((peer["level"], peer["transport"]) == ("IDENTITY", "quic"), f"{peer}")
    stranger.event("connected")
    texts = [f"line {i} " + "y" * (i * 37 % 900) for i in range(200)]
    for text in texts:
        stranger.say(text)
        alice.say(text)
    alice.expect_texts("stranger", texts)
    for text in (texts[0], texts[-1]):
        stranger.event("message", text=text)
    alice.leave()
    stranger.event("close", reason=1)
    stranger.expect_exit(0)
    check(len([line for line in stranger.stdout if '"message"' in line]) == len(texts), "not each line once")


@case
def gnutls_with_a_key(c):
    key = c.new_key()
    for arbiter in (True, False):
        talk(c, gnutls, (QUIC, {"key": key}), "IDENTITY", "--key", key, arbiter=arbiter)
    dialled(c, ((), {"key": key}), "--key", key)


@case
def gnutls_with_certificates(c):
    root = Authority(c)
    one, two = root.leaf("alice"), root.leaf("stranger")
    chat = ("--ca", root.file, *one.options())
    for arbiter in (True, False):
        talk(c, gnutls, ((*QUIC, *chat), {}), "IDENTITY", "--ca", root.file, *two.options(), arbiter=arbiter)
    dialled(c, (chat, {}), "--ca", root.file, *two.options())


@case
def gnutls_with_another_key(c):
    """RFC 9001 section 4.8: the alert is in the error code; a wrong key and one that is not known are one."""
    alice = c.chat("alice", *QUIC, key=c.new_key())
    other = c.new_key("other.key")
    unknown = gnutls(c, alice.url(), "kith-chat", "stranger", "--key", other)
    identity = (c.folder / "team.key").read_text().split(":")[0]
    wrong = gnutls(c, alice.url(), "kith-chat", "stranger", "--key",
                   c.write("wrong.key", f"{identity}:{other.read_text().split(':')[1]}"))
    codes = set()
    for stranger in (unknown, wrong):
        codes.add(stranger.event("refused")["code"])
        stranger.expect_exit(1)
    check(len(codes) == 1 and 0x100 <= min(codes) <= 0x1ff, f"refused with {codes}")
    check(not alice.all("peer"), "alice saw a peer")
    alice.leave()


@case
def gnutls_in_another_session(c):
    key = c.new_key()
    alice = c.chat("alice", *QUIC, key=key)
    stranger = gnutls(c, alice.url(), "another", "stranger", "--key", key)
    stranger.event("close", reason=13)
    stranger.event("closed", code=13)
    check(not [line for line in stranger.stdout if '"hello"' in line], "it learned more")
    alice.leave()
