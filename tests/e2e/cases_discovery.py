# SPDX-License-Identifier: MIT
"""Finding each other: over loopback, across network namespaces, and with an mDNS stack that is not ours.
Every case has a service of its own, because all cases of a machine share its loopback interface."""
import contextlib
import importlib.util
import os
import secrets
import subprocess
import sys

import harness
from harness import case, check


class Skipped(Exception):
    pass


def service():
    return "t" + secrets.token_hex(6)


def is_built():
    with open(harness.BIN / "kith-chat", "rb") as program:
        return b"avahi_server_new" in program.read()


def discovers(function):
    """A case that needs discovery on the network, and maybe more; without it says so and is over."""
    def run(c):
        try:
            if not is_built():
                raise Skipped("this build has no discovery (libavahi-core-dev)")
            function(c)
        except Skipped as why:
            print(f"SKIPPED {function.__name__}: {why}", flush=True)
    run.__name__ = function.__name__
    run.__module__ = function.__module__
    return case(run)


def all_meet(chats):
    for name, chat in chats.items():
        for other in chats:
            if other != name:
                chat.expect_peer(other)


def never_twice(chats):
    for name, chat in chats.items():
        for other in chats:
            if other != name:
                count = len(chat.all("peer", name=other, state="connected"))
                check(count == 1, f"{name} met {other} {count} times")
        check(not chat.all("peer", name=name), f"{name} met itself")
        check(not chat.all("peer", state="departed"), f"{name} lost somebody")


@discovers
def two_on_one_machine(c):
    """A key is all the set-up."""
    key, name = c.new_key(), service()
    chats = {who: c.chat(who, key=key, discovery=name) for who in ("alice", "bob")}
    all_meet(chats)
    chats["alice"].expect("discovery", state="advertised")
    chats["alice"].say("hello")
    chats["bob"].expect_texts("alice", ["hello"])
    never_twice(chats)
    found = chats["bob"].expect("found", state="found")
    check("alice" not in found["name"], f"the name is on the air: {found}")
    chats["alice"].leave()
    chats["bob"].expect("found", state="lost")
    chats["bob"].leave()


@discovers
def others_keep_to_themselves(c):
    """Another key or another session: neither connected nor found, but seen by --browse."""
    name, key = service(), c.new_key()
    alice = c.chat("alice", key=key, discovery=name)
    eve = c.chat("eve", key=c.new_key("eves.key"), discovery=name)
    carl = c.chat("carl", "--session", "elsewhere", key=key, discovery=name)
    bob = c.chat("bob", key=key, discovery=name)
    alice.expect_peer("bob")
    look = c.chat("nobody", "--browse", discovery=name)
    look.expect("found", count=4, state="found")
    for stranger in (eve, carl):
        stranger.expect("discovery", state="advertised")
        check(not stranger.all("peer") and not stranger.all("found"), "strangers met")
    never_twice({"alice": alice, "bob": bob})
    look.send_signal(2)
    look.expect_exit(0)
    for chat in (alice, bob, eve, carl):
        chat.leave()


@discovers
def killed_and_started_again(c):
    """Its old records stay on the air for a while, and do no harm."""
    name, key = service(), c.new_key()
    alice = c.chat("alice", "--resume-window", "0", key=key, discovery=name)
    bob = c.chat("bob", "--resume-window", "0", key=key, discovery=name)
    alice.expect_peer("bob")
    alice.expect("found", state="found")
    bob.send_signal(9)
    alice.expect_peer("bob", "departed")
    again = c.chat("bob", key=key, discovery=name)
    alice.expect("peer", count=2, name="bob", state="connected")
    again.expect_peer("alice")
    again.leave()
    alice.leave()


# ---- another stack --------------------------------------------------------------------------------

STRANGER = r"""
import socket, sys, time
from zeroconf import IPVersion, ServiceBrowser, ServiceInfo, Zeroconf
service, address = sys.argv[1:3]
kind = f"_{service}._tcp.local."
stack = Zeroconf(interfaces=[address], ip_version=IPVersion.V4Only)
class Sees:
    def add_service(self, stack, kind, name):
        info = stack.get_service_info(kind, name, 10000)
        if info:
            print("sees", name.split(".")[0], info.port, sorted((k.decode(), v.decode()) for k, v in info.properties.items()),
                  flush=True)
    update_service = add_service
    def remove_service(self, stack, kind, name):
        print("misses", name.split(".")[0], flush=True)
stack.register_service(ServiceInfo(kind, f"stranger.{kind}", addresses=[socket.inet_aton(address)], port=4242,
    properties={".v": "1", ".t": "abcdefghijklmnop", ".e": "wss", "room": "blue"}, server="stranger-box.local."))
ServiceBrowser(stack, kind, Sees())
print("ready", flush=True)
sys.stdin.read()
stack.close()
"""


def python_with_zeroconf():
    for python in (sys.executable, "/usr/bin/python3"):
        if python == sys.executable and importlib.util.find_spec("zeroconf"):
            return python
        if python != sys.executable and os.path.exists(python) and \
                subprocess.run([python, "-c", "import zeroconf"], capture_output=True).returncode == 0:
            return python
    raise Skipped("python3-zeroconf is not installed")


@discovers
def an_independent_stack(c):
    """python3-zeroconf sees what we say, and we see what it says."""
    name = service()
    script = c.write("stranger.py", STRANGER)
    stranger = c.start(python_with_zeroconf(), script, name, "127.0.0.1")
    stranger.expect_line("^ready")
    look = c.chat("nobody", "--browse", discovery=name)
    found = look.expect("found", state="found", name="stranger")
    check(found["urls"] == ["wss://127.0.0.1:4242"], f"{found}")
    check(found["info"] == {"room": "blue"}, f"{found}")
    alice = c.chat("alice", key=c.new_key(), discovery=name)
    instance = alice.expect("discovery", state="advertised")["name"]
    stranger.expect_line(rf"^sees {instance} {alice.port()} .*\('\.e', 'wss'\)")
    alice.leave()
    stranger.expect_line(f"^misses {instance}")
    stranger.close_input()
    stranger.expect_exit(0)
    look.expect("found", state="lost", name="stranger")
    look.send_signal(2)
    look.expect_exit(0)


# ---- machines of their own ------------------------------------------------------------------------


def ip(*arguments):
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise Skipped(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


@contextlib.contextmanager
def machines(count):
    """Network namespaces at one switch, which stands in a namespace too; gives commands to run inside."""
    tag = secrets.token_hex(3)
    made = []
    try:
        if os.geteuid() != 0:
            raise Skipped("only root makes network namespaces here")
        for number in range(count + 1):
            ip("netns", "add", f"k{tag}-{number}")
            made.append(f"k{tag}-{number}")
            ip("-n", made[-1], "link", "set", "lo", "up")
        ip("-n", made[0], "link", "add", "switch", "type", "bridge", "mcast_snooping", "0")
        ip("-n", made[0], "link", "set", "switch", "up")
        for number in range(1, count + 1):
            ip("-n", made[0], "link", "add", f"port{number}", "type", "veth", "peer", "name", "eth0",
               "netns", made[number])
            ip("-n", made[0], "link", "set", f"port{number}", "master", "switch", "up")
            ip("-n", made[number], "addr", "add", f"10.77.0.{number}/24", "dev", "eth0")
            ip("-n", made[number], "link", "set", "eth0", "up")
        yield [("ip", "netns", "exec", name) for name in made[1:]]
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=60)


def stars(c, count):
    key, name = c.new_key(), service()
    with machines(count) as inside:
        chats = {}
        for number, place in enumerate(inside):
            who = f"peer{number}"
            chats[who] = c.chat(who, "--listen", "wss://*:0", key=key, discovery=name, inside=place)
        all_meet(chats)
        chats["peer0"].say("hello")
        for who, chat in chats.items():
            if who != "peer0":
                chat.expect_texts("peer0", ["hello"])
        never_twice(chats)
        for chat in chats.values():
            check(all(not url.startswith("wss://127.") for found in chat.all("found", state="found")
                      for url in found["urls"]), "loopback from another machine")
        for chat in chats.values():
            chat.leave()


@discovers
def two_machines(c):
    """Two machines on one wire: IPv4 and link-local IPv6."""
    stars(c, 2)


@discovers
def eight_machines(c):
    """All of them meet all."""
    stars(c, 8)


@discovers
def an_interface_goes_and_comes(c):
    """A cable that is pulled and plugged in again; and one interface that may not be used."""
    key, name = c.new_key(), service()
    with machines(2) as inside:
        listen = ("--listen", "wss://*:0", "--resume-window", "0")
        blind = c.chat("blind", *listen, "--interfaces", "!eth*", key=key, discovery=name, inside=inside[1])
        alice = c.chat("alice", *listen, key=key, discovery=name, inside=inside[0])
        ip("-n", inside[1][3], "link", "set", "eth0", "down")
        bob = c.chat("bob", *listen, key=key, discovery=name, inside=inside[1])
        bob.expect_peer("blind")  # over loopback
        check(not alice.all("peer"), "through a cable that is not there")
        ip("-n", inside[1][3], "link", "set", "eth0", "up")
        alice.expect_peer("bob")
        for chat in (alice, bob, blind):
            chat.leave()
