# SPDX-License-Identifier: MIT
"""Finding each other: over loopback, across network namespaces, and with an mDNS stack that is not ours.
Every case has a service of its own, because all cases of a machine share its loopback interface."""
import contextlib
import hashlib
import importlib.util
import os
import pathlib
import re
import secrets
import shutil
import subprocess
import sys
import tempfile

import avahi
import harness
from cases_interop import INTEROP
from harness import Skipped, case, check, long_case, until
from network import Machine
from screen import AtTerminal


def service():
    return "t" + secrets.token_hex(6)


def is_built():
    with open(harness.BIN / "kith-chat", "rb") as program:
        return b"avahi_server_new" in program.read()


def discovers(function, kind=case):
    """A case that needs discovery on the network."""
    def run(c):
        if not is_built():
            raise Skipped("this build has no discovery (libavahi-core-dev)")
        function(c)
    run.__name__ = function.__name__
    run.__doc__ = function.__doc__
    run.__module__ = function.__module__
    return kind(run)


def discovers_long(function):
    return discovers(function, long_case)


def names_of(chat):
    """Under which it has made itself known, in their order."""
    return [event["name"] for event in chat.all("discovery", state="advertised")]


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
    all_meet({"alice": alice, "bob": bob})
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
        info = stack.get_service_info(kind, name, 60000)
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


# Says what it reads, instead of what it said before.
CHANGING = r"""
import socket, sys
from zeroconf import IPVersion, ServiceInfo, Zeroconf
kind = f"_{sys.argv[1]}._tcp.local."
stack = Zeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only)
def info(text):
    key, _, value = text.partition("=")
    return ServiceInfo(kind, f"stranger.{kind}", addresses=[socket.inet_aton("127.0.0.1")], port=4242, properties={
        ".v": "1", ".t": "abcdefghijklmnop", ".e": "wss", key: value}, server="stranger-box.local.")
stack.register_service(info("room=blue"))
print("ready", flush=True)
for line in sys.stdin:
    stack.update_service(info(line.rstrip("\n")))
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


BONJOUR = INTEROP / "bonjour"


def bonjour_modules():
    """The folder of bonjour-service and what it needs, got once with npm: the versions and checksums of
    package-lock.json."""
    if shutil.which("npm") is None:
        raise Skipped("there is no npm (apt-get install npm)")
    lock = (BONJOUR / "package-lock.json").read_bytes()
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "kith"
    there = cache / f"bonjour-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not there.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as work:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(BONJOUR / name, work)
            try:
                done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=work,
                                      capture_output=True, text=True, timeout=50, check=False)
            except subprocess.TimeoutExpired:
                raise Skipped("bonjour-service does not come from npm's registry in 50 s") from None
            if done.returncode != 0:
                raise Skipped(f"bonjour-service cannot be had from npm's registry: {done.stderr.strip()[-200:]}")
            try:
                (pathlib.Path(work) / "node_modules").rename(there)
            except OSError:
                if not there.is_dir():  # another run was faster
                    raise
    return there


@discovers
def a_neighbour_in_javascript(c):
    """bonjour-service on another machine sees what we say, and we see what it says."""
    modules, name = bonjour_modules(), service()
    with machines(2) as inside:
        stranger = c.start(*inside[1].inside(), "env", f"NODE_PATH={modules}", "node", BONJOUR / "neighbour.js",
                           name, "10.77.0.2")
        stranger.expect_line("^ready")
        look = c.chat("nobody", "--browse", discovery=name, inside=inside[0].inside())
        found = look.expect("found", state="found", name="stranger")
        check(found["urls"] == ["wss://10.77.0.2:4242"], f"{found}")
        check(found["info"] == {"room": "blue"}, f"{found}")
        alice = c.chat("alice", "--listen", "wss://*:0", key=c.new_key(), discovery=name, inside=inside[0].inside())
        instance = alice.expect("discovery", state="advertised")["name"]
        stranger.expect_line(rf'^sees {instance} {alice.port()} .*"\.?e":"wss".* 10\.77\.0\.1')
        alice.leave()
        stranger.expect_line(f"^misses {instance}")
        stranger.close_input()
        stranger.expect_exit(0)
        look.expect("found", state="lost", name="stranger")
        look.send_signal(2)
        look.expect_exit(0)


# ---- machines of their own ------------------------------------------------------------------------


@contextlib.contextmanager
def machines(count):
    """Machines at one switch, which stands in a namespace of its own; each with an interface eth0."""
    with contextlib.ExitStack() as stack:
        switch = stack.enter_context(Machine())
        switch.ip("link add switch type bridge mcast_snooping 0")
        switch.ip("link set switch up")
        made = []
        for number in range(1, count + 1):
            made.append(stack.enter_context(Machine(beside=switch)))
            switch.ip(f"link add port{number} type veth peer name eth0 netns {made[-1].holder.pid}")
            switch.ip(f"link set port{number} master switch up")
            made[-1].ip(f"addr add 10.77.0.{number}/24 dev eth0")
            made[-1].ip("link set eth0 up")
        yield made


def losing(percent):
    """How a command line goes on whose program loses so much of what it hears by multicast DNS."""
    if percent == 0:
        return []
    return ["env", f"LD_PRELOAD={harness.BIN / 'kith-test-lossy.so'}", f"KITH_LOSSY_PERCENT={percent}",
            "ASAN_OPTIONS=verify_asan_link_order=0"]


def stars(c, count, loss_percent=0):
    key, name = c.new_key(f"{count}.key"), service()
    with machines(count) as inside:
        chats = {}
        for number, place in enumerate(inside):
            who = f"peer{number}"
            chats[who] = c.chat(who, "--listen", "wss://*:0", key=key, discovery=name, inside=[*place.inside(), *losing(loss_percent)])
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
        lost = [int(n) for chat in chats.values() for n in re.findall(r"lossy: lost (\d+)", chat.stderr_text())]
        check(bool(lost) == (loss_percent > 0), f"packets that were lost: {lost}")


@discovers
def two_machines(c):
    """Two machines on one wire: IPv4 and link-local IPv6."""
    stars(c, 2)


@discovers
def eight_machines(c):
    """All of them meet all."""
    stars(c, 8)


@discovers
def machines_with_loss(c):
    """Of what four hear by multicast a tenth is lost, of what two hear a half: all meet all the same."""
    stars(c, 4, 10)
    stars(c, 2, 50)


@discovers_long
def twenty_machines(c):
    """The full star, 190 links; tests/bench/discovery.py says how fast."""
    stars(c, 20)


@discovers_long
def twenty_machines_with_loss(c):
    """A tenth of all multicast is lost."""
    stars(c, 20, 10)


@discovers
def an_interface_goes_and_comes(c):
    """A cable that is pulled and plugged in again; and one interface that may not be used."""
    key, name = c.new_key(), service()
    with machines(2) as inside:
        listen = ("--listen", "wss://*:0", "--resume-window", "0")
        blind = c.chat("blind", *listen, "--interfaces", "!eth*", key=key, discovery=name, inside=inside[1].inside())
        alice = c.chat("alice", *listen, key=key, discovery=name, inside=inside[0].inside())
        inside[1].ip("link set eth0 down")
        bob = c.chat("bob", *listen, key=key, discovery=name, inside=inside[1].inside())
        bob.expect_peer("blind")  # over loopback
        check(not alice.all("peer"), "through a cable that is not there")
        inside[1].ip("link set eth0 up")
        alice.expect_peer("bob")
        for chat in (alice, bob, blind):
            chat.leave()


@discovers
def an_interface_for_two(c):
    """Wi-Fi Direct and the like is used only by who names it."""
    key, name = c.new_key(), service()
    with Machine() as left, Machine(beside=left) as right:
        left.link_to(right, "p2p-v0")
        for number, machine in enumerate((left, right)):
            machine.ip(f"addr add 10.77.1.{number + 1}/24 dev p2p-v0")
            machine.ip("link set p2p-v0 up")
        listen = ("--listen", "wss://*:0")
        blind = [c.chat(f"blind{number}", *listen, key=key, discovery=name, inside=machine.inside())
                 for number, machine in enumerate((left, right))]
        for chat in blind:
            chat.expect("discovery", state="advertised")
        seeing = [c.chat(f"seeing{number}", *listen, "--interfaces", "p2p-*", key=key, discovery=name,
                         inside=machine.inside()) for number, machine in enumerate((left, right))]
        all_meet({"seeing0": seeing[0], "seeing1": seeing[1]})
        for chat in blind:
            check(not chat.all("peer") and not chat.all("found"), "found through what nobody named")
        for chat in (*blind, *seeing):
            chat.leave()


@discovers
def not_permitted(c):
    """What the system forbids is said, and is not "nobody there"."""
    forbidden = ("env", f"LD_PRELOAD={harness.BIN / 'kith-test-lossy.so'}", "KITH_LOSSY_FORBID=1",
                 "ASAN_OPTIONS=verify_asan_link_order=0")
    alice = c.chat("alice", key=c.new_key(), discovery=service(), inside=forbidden)
    down = alice.expect("discovery", state="down")
    check("forbids" in down["detail"], f"{down}")
    alice.leave()


# ---- the system's daemon --------------------------------------------------------------------------


@discovers
def the_systems_daemon_beside_us(c):
    """Kith's own stack and the system's Avahi on one machine: neither renames the other, and each sees what
    the other says. avahi-browse and avahi-publish are its tools."""
    key, name = c.new_key(), service()
    with machines(2) as inside, avahi.Daemon(c, inside[0], "desk") as daemon:
        listen = ("--listen", "wss://*:0")
        alice = c.chat("alice", *listen, key=key, discovery=name, inside=inside[0].inside())
        bob = c.chat("bob", *listen, key=key, discovery=name, inside=inside[1].inside())
        all_meet({"alice": alice, "bob": bob})
        browser = daemon.tool("avahi-browse", "--parsable", f"_{name}._tcp")
        for chat in (alice, bob):
            instance = chat.expect("discovery", state="advertised")["name"]
            browser.expect_line(rf"^\+;eth0;IPv4;{instance};")
            daemon.until_resolved(f"_{name}._tcp",
                                  rf"^=;eth0;IPv4;{instance};.*;10\.77\.0\.\d;{chat.port()};.*\.e=wss")
        daemon.tool("avahi-publish", "--service", "printer", f"_{name}._tcp", "4242", ".v=1",
                    ".t=abcdefghijklmnop", ".e=wss", "room=blue")
        look = c.chat("nobody", "--browse", discovery=name, inside=inside[1].inside())
        found = look.expect("found", state="found", name="printer")
        check("wss://10.77.0.1:4242" in found["urls"] and found["info"] == {"room": "blue"}, f"{found}")
        bob.leave()
        browser.expect_line(rf"^-;eth0;IPv4;{bob.expect('discovery', state='advertised')['name']};")
        check(daemon.host_name() == "desk.local", f"the daemon was renamed: {daemon.host_name()}")
        for chat in (alice, bob):
            check(len(chat.all("discovery", state="advertised")) == 1, "we were renamed")
        look.send_signal(2)
        look.expect_exit(0)
        alice.leave()


@discovers
def through_the_systems_daemon(c):
    """--system-discovery: two of one daemon, one of another machine's own stack. The daemon ends: Kith looks
    itself; it is there again: it is used again. Nobody who is connected notices."""
    key, name = c.new_key(), service()
    with machines(2) as inside:
        with avahi.Daemon(c, inside[0], "desk") as daemon:
            listen = ("--listen", "wss://*:0", "--system-discovery")
            chats = {who: c.chat(who, *listen, key=key, discovery=name, inside=daemon.inside())
                     for who in ("alice", "carl")}
            chats["bob"] = c.chat("bob", "--listen", "wss://*:0", key=key, discovery=name,
                                  inside=inside[1].inside())
            all_meet(chats)
            browser = daemon.tool("avahi-browse", "--parsable", f"_{name}._tcp")
            first = chats["alice"].expect("discovery", state="advertised")["name"]
            browser.expect_line(rf"^\+;eth0;IPv4;{first};")
            # A daemon that is slow to answer is left, and asked again ten seconds later: under another name.
            until("alice, carl and the browser ask the daemon", lambda: daemon.clients() >= 3)

            count = len(names_of(chats["alice"]))
            daemon.stop()
            second = chats["alice"].expect("discovery", count=count + 1, state="advertised")["name"]
            dora = c.chat("dora", "--listen", "wss://*:0", key=key, discovery=name, inside=inside[1].inside())
            dora.expect_peer("alice")
            chats["bob"].expect("found", state="found", name=second)

            count = len(names_of(chats["alice"]))
            daemon.start()
            third = chats["alice"].expect("discovery", count=count + 1, state="advertised")["name"]
            browser = daemon.tool("avahi-browse", "--parsable", f"_{name}._tcp")
            browser.expect_line(rf"^\+;eth0;IPv4;{third};")
            until("they ask the daemon again", lambda: daemon.clients() >= 3)
            chats["dora"] = dora
            all_meet(chats)
            for chat in chats.values():
                check(not chat.all("peer", state="departed"), "somebody was lost")
                check(not chat.all("discovery", state="down"), "discovery was down")
            for chat in chats.values():
                chat.leave()


@discovers
def without_the_systems_daemon(c):
    """--system-discovery where no daemon runs is like without it."""
    key, name = c.new_key(), service()
    chats = {who: c.chat(who, "--system-discovery", key=key, discovery=name) for who in ("alice", "bob")}
    all_meet(chats)
    never_twice(chats)
    for chat in chats.values():
        check(not chat.all("discovery", state="down"), "discovery was down")
        chat.leave()


@discovers
def through_apples_interface(c):
    """The driver for macOS, against Avahi's library of that name: finds and is found by Kith's own stack."""
    if not (harness.BIN / "kith-chat-dnssd").exists():
        raise Skipped("this build has no kith-chat-dnssd (libavahi-compat-libdnssd-dev)")
    key, name = c.new_key(), service()
    with machines(2) as inside, avahi.Daemon(c, inside[0], "desk") as daemon:
        chats = {who: c.chat(who, "--listen", "wss://*:0", key=key, discovery=name,
                             inside=[*daemon.inside(), "AVAHI_COMPAT_NOWARN=1"], program="kith-chat-dnssd")
                 for who in ("alice", "carl")}
        chats["bob"] = c.chat("bob", "--listen", "wss://*:0", key=key, discovery=name, inside=inside[1].inside())
        all_meet(chats)
        never_twice(chats)
        for chat in chats.values():
            chat.expect("discovery", state="advertised")
            chat.expect("found", count=2, state="found")
        chats["bob"].leave()
        chats["alice"].expect("found", state="lost")
        chats["carl"].leave()
        chats["alice"].leave()


# ---- what a person sees ---------------------------------------------------------------------------


def shown(look, rows):
    """Waits for a whole drawing, which has replaced the one before it: nothing is there twice."""
    look.wait(f"a drawing in place, of {rows} rows", lambda: look.is_drawn()
              and len([row for row in look.screen.lines() if row]) == rows)


@discovers
def browsing_at_a_terminal(c):
    """The list changes in place: somebody comes, says something else, goes."""
    name = service()
    script = c.write("stranger.py", CHANGING)
    look = AtTerminal(c, "look", [c.program("kith-chat"), "--browse", "--service", name], columns=70, rows=8,
                      drawing_ends="\r\x1b[?7h")
    look.expect_text("looking around")
    look.expect_text("^0 around")
    stranger = c.start(python_with_zeroconf(), script, name)
    stranger.expect_line("^ready")
    look.expect_text(r"^stranger wss://127\.0\.0\.1:4242 room=blue$")
    look.expect_text("^1 around")
    stranger.say("room=red")
    look.expect_text(r"^stranger wss://127\.0\.0\.1:4242 room=red$")
    shown(look, 3)
    stranger.say("room=" + "x" * 100)
    look.expect_text(r"^stranger wss://127\.0\.0\.1:4242 room=x+$")
    shown(look, 3)
    look.change_size(40, 8)
    stranger.say("room=\x1b[2Jgreen")  # a sequence is no sequence here
    look.expect_text(r"room=\ufffd\[2J")
    shown(look, 3)
    stranger.close_input()
    stranger.expect_exit(0)
    look.expect_text("^0 around")
    shown(look, 2)
    look.send_signal(2)
    look.expect_exit(0)
    look.check_restored()
