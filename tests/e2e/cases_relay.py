# SPDX-License-Identifier: MIT
"""A man in the middle who holds the key: TLS does not keep him out, the signature over each link's
own keying material does."""
import shutil

from harness import Process, case, check, free_port


def start_relay(c, key, target_port):
    relay = Process(c, "relay", [c.program("kith-test-relay"), str(key), "0", str(target_port)])
    return relay, int(relay.expect_line(r"^listening (\d+)$").group(1))


@case
def relay_with_the_key(c):
    key = c.new_key()
    alice = c.chat("alice", key=key)
    relay, port = start_relay(c, key, alice.port())
    bob = c.chat("bob", "--connect", f"wss://127.0.0.1:{port}", key=key)
    failed = bob.expect("dial", state="failed")
    # First that the relay did its work, so that nothing but the signature can be the reason.
    relay.expect_line(r"^spliced$")
    relay.expect_line(r"^upgraded$")
    up, down = map(int, relay.expect_line(r"^bytes (\d+) (\d+)$").groups())
    check(up > 400 and down > 400, f"too little passed for a HELLO and an AUTH: {up}, {down} bytes")
    check(failed["reason"] == "AUTH", f"the reason was {failed['reason']}: {failed['detail']}")
    bob.expect_exit(1)
    check(not bob.all("peer"), "bob took the relay for alice")
    check(not alice.all("peer"), "alice took the relay for bob")
    # Without the relay between them the two agree.
    carol = c.chat("carol", "--connect", alice.url(), key=key)
    carol.expect_peer("alice")
    carol.leave()
    alice.leave()


@case
def relay_control(c):
    """The relay is a good one: two independent TLS programs talk through it and notice nothing."""
    openssl = shutil.which("openssl")
    check(openssl, "openssl is not installed: apt-get install openssl")
    key = c.new_key()
    identity, secret = key.read_text().strip().split(":")
    psk = ["-tls1_3", "-psk", secret, "-psk_identity", identity, "-ciphersuites",
           "TLS_AES_128_GCM_SHA256"]
    port = free_port()
    server = Process(c, "s_server", [openssl, "s_server", "-accept", f"127.0.0.1:{port}", "-nocert",
                                     "-rev", *psk])
    server.expect_line(r"^ACCEPT")
    relay, relay_port = start_relay(c, key, port)
    client = Process(c, "s_client", [openssl, "s_client", "-connect", f"127.0.0.1:{relay_port}",
                                     "-quiet", *psk])
    relay.expect_line(r"^spliced$")
    client.say("desserts")
    client.expect_line(r"^stressed$")
