# SPDX-License-Identifier: MIT
"""Sessions that last: processes that stop, die, start again or are copied, networks that break under
load, and stars that fill themselves."""
import concurrent.futures
import itertools
import os
import random
import signal
import threading
import time

from cases_guests import turned_away
from cases_talk import pair
from harness import DEADLINE_S, case, check, free_port, long_case, standing_still
from wire import Wire

WS, WSS = "ws", "wss"


def security_of(c, scheme):
    return {"insecure": True} if scheme == WS else {"key": c.new_key()}


def states(chat, name):
    return [e["state"] for e in chat.all("peer", name=name)]


def check_undisturbed(chat, *names):
    for name in names:
        seen = states(chat, name)
        check(seen == ["connected"], f"{chat.name} saw {name} {', '.join(seen)}")


def check_stayed(chat, *names):
    """Out of reach now and then, never given up."""
    for name in names:
        seen = states(chat, name)
        check(seen.count("connected") == 1 and "departed" not in seen,
              f"{chat.name} saw {name} {', '.join(seen)}")


# ---- links that break under load --------------------------------------------------------------------

def cut_under_load(c, scheme, lines, cuts, topology=("server", "client")):
    """Each sends numbers as fast as the other takes them, and the link is cut at random bytes. A client
    does not listen, so all goes over the wire."""
    security = security_of(c, scheme)
    alice = c.chat("alice", "--topology", topology[0], **security)
    wire = Wire(alice.port())
    bob = c.chat("bob", "--topology", topology[1], "--connect", f"{scheme}://127.0.0.1:{wire.port}",
                 **security)
    alice.expect_peer("bob")
    bob.expect_peer("alice")
    chance = random.Random(11)
    texts = [f"{i} " + "x" * chance.randrange(200) for i in range(lines)]
    data = "".join(text + "\n" for text in texts).encode()
    wire.cut_again_and_again(lambda: chance.choice((chance.randrange(1, 600), chance.randrange(1, 60000))))
    # A part at a time, so that the load outlasts the cuts.
    part, sent = len(texts) // 20, 0
    while sent < len(texts):
        piece = "".join(text + "\n" for text in texts[sent:sent + part]).encode()
        for chat in (alice, bob):
            chat.start_writing(piece, then_close=False)
        sent = min(sent + part, len(texts))
        for one, other in ((alice, "bob"), (bob, "alice")):
            one.wait_texts(other, sent)
    wire.leave_alone()
    alice.expect_texts("bob", texts)
    bob.expect_texts("alice", texts)
    for one, other in ((alice, "bob"), (bob, "alice")):
        one.wait_all(lines, "delivered")
        check(sorted(e["ticket"] for e in one.all("delivered")) == list(range(1, lines + 1)),
              f"{one.name} has other receipts than one for each line")
        check_stayed(one, other)
    check(wire.cuts >= cuts, f"the wire was cut {wire.cuts} times only")
    c.notes.append(f"{scheme}: {wire.cuts} cuts, {2 * len(data)} bytes of lines")
    bob.leave()
    alice.leave()
    wire.close()


@case
def cut_under_load_in_clear(c):
    cut_under_load(c, WS, 2000, 10)


@case
def cut_under_load_encrypted(c):
    cut_under_load(c, WSS, 2000, 10)


@long_case
def cut_under_load_in_clear_long(c):
    cut_under_load(c, WS, 20000, 150)


@long_case
def cut_under_load_encrypted_long(c):
    cut_under_load(c, WSS, 20000, 150)


@long_case
def cut_under_load_in_a_star(c):
    """The one who was dialled dials back past the wire now and then, which is another way to lose or
    double something."""
    cut_under_load(c, WSS, 5000, 1, topology=("star", "star"))


def dial_through_cut(c, scheme, security, count, alice):
    """Dials alice over a wire that is cut after so many bytes. Gives whether all had passed before."""
    wire = Wire(alice.port())
    wire.cut_after(count)
    bob = c.chat("bob", "--connect", f"{scheme}://127.0.0.1:{wire.port}", **security)
    event = bob.expect("dial")
    is_ready = event["state"] == "ready"
    check(is_ready or ((event["state"], event["reason"]) == ("waiting", "LOST") and wire.cuts > 0),
          f"cut after {count} bytes: {event}")
    bob.end()
    wire.close()
    return is_ready


CUTS_OF_ONE = 6  # before alice takes 127.0.0.1 for somebody who means her harm, and slows it down


def cut_at_any_byte(c, scheme, step):
    """A connection that is cut while it is being made is no proof that nobody is there: the dial goes on,
    whichever byte was the last."""
    security = security_of(c, scheme)
    for count in itertools.count(1, CUTS_OF_ONE * step):
        alice = c.chat("alice", **security)
        if any(dial_through_cut(c, scheme, security, count + i * step, alice) for i in range(CUTS_OF_ONE)):
            break
        alice.end()
    check(count > 400, f"it was ready after {count} bytes")
    alice.leave()


@case
def cut_at_any_byte_in_clear(c):
    cut_at_any_byte(c, WS, 19)


@case
def cut_at_any_byte_encrypted(c):
    cut_at_any_byte(c, WSS, 43)


@long_case
def cut_at_every_byte(c):
    cut_at_any_byte(c, WS, 1)
    cut_at_any_byte(c, WSS, 1)


# ---- both dial at the same instant ------------------------------------------------------------------

def dial_each_other(c, key, number):
    """Both dial, each through a gate that opens when both stand before it."""
    gate = threading.Barrier(2, timeout=DEADLINE_S)
    urls = [f"wss://127.0.0.1:{free_port()}" for _ in range(2)]
    wires = [Wire(int(url.rsplit(":", 1)[1])) for url in urls]
    for wire in wires:
        wire.gate = gate
    names = f"a{number}", f"b{number}"
    chats = [c.chat(names[i], "--session", f"pair {number}", "--listen", urls[i], "--connect",
                    f"wss://127.0.0.1:{wires[1 - i].port}", key=key) for i in range(2)]
    for chat, other in zip(chats, reversed(names)):
        chat.expect_peer(other)
        chat.wait("the outcome of its dial",
                  lambda: chat.all("dial", state="ready") or chat.all("dial", state="failed"))
        chat.say("hello")
    for chat, other in zip(chats, reversed(names)):
        chat.expect_texts(other, ["hello"])
        chat.expect("delivered", name=other)
        check_undisturbed(chat, other)
        failed = [e["reason"] for e in chat.all("dial", state="failed")]
        check(all(reason == "DUPLICATE" for reason in failed), f"{chat.name}'s dial failed: {failed}")
    chats[0].leave()
    chats[1].expect_peer(names[0], "departed", reason="LEFT")
    chats[1].leave()
    for chat in chats:
        chat.end()  # closes its pipes: there are hundreds of these
    for wire in wires:
        wire.close()
    return sum(wire.connections for wire in wires)


def many_dial_each_other(c, pairs, at_a_time):
    key = c.new_key()
    with concurrent.futures.ThreadPoolExecutor(at_a_time) as pool:
        under_way = [pool.submit(dial_each_other, c, key, number) for number in range(pairs)]
        connections = sum(done.result() for done in under_way)
    c.notes.append(f"{pairs} pairs, {connections} connections")


@case
def dial_each_other_at_once(c):
    many_dial_each_other(c, 12, 3)


@long_case
def dial_each_other_at_once_long(c):
    many_dial_each_other(c, 200, 6)


# ---- stars ------------------------------------------------------------------------------------------

def star(c, count, scheme):
    """Each knows one member only, and in the end each two are connected once."""
    security = security_of(c, scheme)
    chance = random.Random(5)
    chats = []
    for i in range(count):
        more = ["--connect", chance.choice(chats).url()] if chats else []
        chats.append(c.chat(f"n{i}", *more, **security))
    names = {chat.name for chat in chats}
    for chat in chats:
        chat.wait("everyone", lambda: len(chat.all("peer", state="connected")) >= count - 1)
    for chat in chats:
        chat.say(f"I am {chat.name}")
    for chat in chats:
        for other in names - {chat.name}:
            chat.expect_texts(other, [f"I am {other}"])
            chat.expect("delivered", name=other)
            check_undisturbed(chat, other)
    return chats


def cpu_s(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure_idle(c, chats):
    """What a peer costs that does nothing, by the clock of another process."""
    begun_s, before = time.monotonic(), [cpu_s(chat.pid) for chat in chats]
    c.start("sleep", 5).wait_exit()
    took_s = time.monotonic() - begun_s
    used = sorted(cpu_s(chat.pid) - b for chat, b in zip(chats, before))
    c.notes.append(f"idle with {len(chats) - 1} peers each: {100 * sum(used) / len(used) / took_s:.2f} % "
                   f"of a processor on average, {100 * used[-1] / took_s:.2f} % at most, over {took_s:.1f} s")


@case
def star_of_eight(c):
    for scheme in (WS, WSS):
        for chat in star(c, 8, scheme):
            chat.leave()


@long_case
def star_of_thirty(c):
    chats = star(c, 30, WSS)
    measure_idle(c, chats)
    for chat in chats:
        chat.leave()


@case
def star_without_introductions(c):
    """Who wants none knows only whom it dialled, and is told to nobody."""
    key = c.new_key()
    alice, bob = pair(c, key)
    carol = c.chat("carol", "--no-introductions", "--connect", alice.url(), key=key)
    dave = c.chat("dave", "--connect", alice.url(), key=key)
    carol.expect_peer("alice")
    for chat in (bob, alice):
        chat.expect_peer("dave")
    dave.expect_peer("bob")  # alice has told dave of everyone, and carol has not listened to it
    carol.say("hello")
    alice.expect_texts("carol", ["hello"])
    check(not carol.all("peer", name="bob") and not bob.all("peer", name="carol"), "carol met bob")
    for chat in (dave, carol, bob, alice):
        chat.leave()


# ---- processes that stop ----------------------------------------------------------------------------

def stop_until(chat, other, state):
    """Stops a process until another one says so of it."""
    chat.send_signal(signal.SIGSTOP)
    other.expect_peer(chat.name, state)


@case
def stopped_beyond_the_deadline(c):
    """Taken for dead, waited for, and back: nothing is lost."""
    alice, bob = pair(c, c.new_key(), "--deadline", "1")
    stop_until(bob, alice, "interrupted")
    lines = [f"{i}" for i in range(100)]
    for line in lines:
        alice.say(line)
    bob.send_signal(signal.SIGCONT)
    bob.expect_texts("alice", lines)
    alice.expect_peer("bob", "resumed")
    bob.say("I am back")
    alice.expect_texts("bob", ["I am back"])
    for one, other in ((alice, "bob"), (bob, "alice")):
        check_stayed(one, other)
    bob.leave()
    alice.leave()


@case
def stopped_beyond_the_window(c):
    """Given up, and when it goes on the two begin anew."""
    # Together more than any of the two stands still by itself.
    alice, bob = pair(c, c.new_key(), "--deadline", "3", "--resume-window", "3", "--redial")
    stop_until(bob, alice, "departed")
    bob.send_signal(signal.SIGCONT)
    for one, other in ((alice, "bob"), (bob, "alice")):
        one.expect_peer(other, count=2)
    bob.say("I am back")
    alice.expect_texts("bob", ["I am back"])
    bob.leave()
    alice.leave()


# ---- processes that die -----------------------------------------------------------------------------

@case
def killed_for_good(c):
    """Who has dialled it and whom it has dialled both give it up because nobody listens there any more,
    long before the window is over."""
    key = c.new_key()
    alice = c.chat("alice", "--resume-window", "3600", key=key)
    bob = c.chat("bob", "--resume-window", "3600", "--connect", alice.url(), key=key)
    alice.expect_peer("bob")
    carol = c.chat("carol", "--resume-window", "3600", "--connect", bob.url(), key=key)
    for chat in (alice, carol):
        chat.expect_peer("bob")
        chat.expect_peer("carol" if chat is alice else "alice")
    bob.send_signal(signal.SIGKILL)  # it has dialled alice, carol has dialled it
    for chat in (alice, carol):
        gone = chat.expect_peer("bob", "departed")
        check(gone["reason"] == "LOST", f"{chat.name}: {gone}")
        cut = chat.expect_peer("bob", "interrupted")
        c.notes.append(f"{chat.name}: departed {gone['t_ms'] - cut['t_ms']} ms after interrupted")
    alice.say("still here?")
    carol.expect_texts("alice", ["still here?"])
    check_undisturbed(alice, "carol")
    carol.leave()
    alice.leave()


def is_restart(chat, name, own_id):
    """The old one departed with RESTARTED, and the new one is the same peer."""
    chat.expect_peer(name, "departed", reason="RESTARTED")
    again = chat.expect_peer(name, count=2)
    check(again["id"] == own_id, f"{chat.name}: {name} is somebody else")


def restarted(c, is_wire_held):
    """Bob dies and is there again, with the file of --identity: to alice, whom he has dialled, and to
    carol, who has dialled him."""
    key = c.new_key()
    alice = c.chat("alice", key=key)
    wire = Wire(alice.port())
    listen = f"wss://127.0.0.1:{free_port()}"
    options = "--identity", "bob.id", "--listen", listen, "--connect", f"wss://127.0.0.1:{wire.port}"
    bob = c.chat("bob", *options, key=key)
    own = bob.expect("open")["id"]
    alice.expect_peer("bob")
    bob.expect_peer("alice")
    carol = c.chat("carol", "--connect", listen, key=key)
    for one, other in ((carol, "bob"), (carol, "alice"), (alice, "carol")):
        one.expect_peer(other)
    if is_wire_held:
        wire.hold()  # alice hears nothing of the end of her link
    with standing_still(alice, carol):
        bob.send_signal(signal.SIGKILL)
        bob.wait_exit()
        bob = c.chat("bob", *options, key=key)
        bob.url()
    for chat in (alice, carol):
        is_restart(chat, "bob", own)
        bob.expect_peer(chat.name)
    carol.expect("dial", state="ready", count=2)  # it goes on, and has found bob again
    alice.say("who is there?")
    bob.expect_texts("alice", ["who is there?"])
    bob.say("me again")
    for chat in (alice, carol):
        chat.expect_texts("bob", ["me again"])
    check_undisturbed(alice, "carol")
    for chat in (bob, carol, alice):
        chat.leave()
    wire.close()


@case
def restarted_with_its_identity(c):
    restarted(c, is_wire_held=False)


@case
def restarted_while_the_old_link_looks_alive(c):
    restarted(c, is_wire_held=True)


def check_lives(lives, delivered, unsent):
    """Each life has heard a run without a gap, and no line was heard in two; whoever spoke was told the
    truth about each."""
    heard = [[int(text.split()[0]) for text in life.texts("alice")] for life in lives]
    for run in heard:
        check(run == list(range(run[0], run[0] + len(run))), "a life heard a line twice, or not at all")
    numbers = {number for run in heard for number in run}
    check(len(numbers) == sum(len(run) for run in heard), "a line was heard in two lives")
    # A program that is killed takes along what it had been given and not yet written.
    taken_along = set()
    for run in heard[:-1]:
        number = run[-1] + 1
        while number in delivered and number not in numbers:
            taken_along.add(number)
            number += 1
    check(delivered <= numbers | taken_along, "a line is told as delivered, and was not")
    check(not unsent & numbers, "a line is told as unsent, and was heard")


def killed_under_load(c, life_count, lines):
    """Bob is killed in the midst of what alice says, and is there again as himself, again and again."""
    key = c.new_key()
    alice = c.chat("alice", "--topology", "server", "--listen", f"wss://127.0.0.1:{free_port()}", key=key)
    options = "--identity", "bob.id", "--topology", "client", "--redial", "--connect", alice.url()
    chance = random.Random(13)
    lives, said = [], 0
    for number in range(life_count):
        bob = c.chat("bob", *options, key=key)
        lives.append(bob)
        alice.expect_peer("bob", count=number + 1)
        alice.start_writing("".join(f"{said + i} {'x' * chance.randrange(400)}\n" for i in range(lines)).encode(),
                            then_close=False)
        said += lines
        enough = chance.randrange(1, lines // 2)
        bob.wait_texts("alice", enough)
        if number < life_count - 1:
            bob.send_signal(signal.SIGKILL)
            bob.wait_exit()
    alice.wait_all(said, "delivered", "undelivered")
    fates = [e["ticket"] for e in alice.all("delivered") + alice.all("undelivered")]
    check(sorted(fates) == list(range(1, said + 1)), "a line has no fate, or two")
    gone = [e["reason"] for e in alice.all("peer", name="bob", state="departed")]
    check(len(gone) == life_count - 1 and set(gone) <= {"RESTARTED", "LOST"}, f"bob departed with {gone}")
    c.notes.append(f"{said} lines, {len(alice.all('delivered'))} delivered, {len(alice.all('undelivered'))} not")
    bob.leave()  # then all that he wrote has been read
    check_lives(lives, {e["ticket"] - 1 for e in alice.all("delivered")},
                {e["ticket"] - 1 for e in alice.all("undelivered", fate="UNSENT")})
    alice.close_input()
    alice.expect_exit(1 if alice.all("undelivered") else 0)  # it says that not all was delivered


@case
def killed_and_restarted_under_load(c):
    killed_under_load(c, 3, 1000)


@long_case
def killed_and_restarted_under_load_long(c):
    killed_under_load(c, 20, 3000)


COPY_TRIES = 5


def is_copy_refused(c, key):
    """False where bob was taken for one who is gone: he has a second to answer."""
    alice = c.chat("alice", key=key)
    options = "--identity", "bob.id", "--connect", alice.url()
    bob = c.chat("bob", *options, key=key)
    bob.expect_peer("alice")
    alice.expect_peer("bob")
    for _ in range(2):
        copy = c.chat("copy", *options, key=key)
        copy.wait("an answer", lambda: copy.all("dial", state="failed") + copy.all("peer"))
        if copy.all("peer"):
            return False
        failed = copy.expect("dial", state="failed")
        check(failed["reason"] == "ID_IN_USE", f"{failed}")
        copy.expect_exit(1)
        check("--identity" in copy.stderr_text(), f"no next step: {copy.stderr_text()}")
        check(not copy.all("peer"), "the copy saw a peer")
    bob.say("it is me")
    alice.expect_texts("bob", ["it is me"])
    check_undisturbed(alice, "bob")
    check_undisturbed(bob, "alice")
    bob.leave()
    alice.leave()
    return True


@case
def a_copy_of_an_identity(c):
    """The one that was there stays, undisturbed, and the other is told why it may not. A busy machine may
    keep the first from answering once, not each time."""
    key = c.new_key()
    check(any(is_copy_refused(c, key) for _ in range(COPY_TRIES)), "the copy got in each time")


# ---- a server and its clients -----------------------------------------------------------------------

def with_clients(c, key, server_options):
    """The clients' way to the server is a wire: where it is not there they are cut off, not refused, and go
    on as long as its start may take."""
    port = free_port()
    wire = Wire(port)
    url = f"wss://127.0.0.1:{wire.port}"
    options = "--topology", "server", "--listen", f"wss://127.0.0.1:{port}", *server_options
    server = c.chat("server", *options, key=key)
    server.url()
    clients = [c.chat(f"client{i}", "--topology", "client", "--redial", "--connect", url, key=key)
               for i in range(3)]
    for client in clients:
        client.expect_peer("server")
        server.expect_peer(client.name)
    return server, clients, options, wire


@case
def clients_see_the_server_alone(c):
    key = c.new_key()
    server, clients, _, wire = with_clients(c, key, ())
    check(server.expect("open")["topology"] == "server", "another topology")
    clients[0].say("hello")
    server.expect_texts("client0", ["hello"])
    server.say("welcome")
    for client in clients:
        client.expect_texts("server", ["welcome"])
        check(len(client.all("peer")) == 1 and not client.all("listening"), f"{client.all('peer')}")
    for chat in (*clients, server):
        chat.leave()
    wire.close()


def server_restarts(c, server_options, reason):
    key = c.new_key()
    server, clients, options, wire = with_clients(c, key, server_options)
    server.send_signal(signal.SIGKILL)
    server.wait_exit()
    for client in clients:
        client.expect_peer("server", "interrupted")
    server = c.chat("server", *options, key=key)
    for client in clients:
        client.expect_peer("server", "departed", reason=reason)
        client.expect_peer("server", count=2)
        server.expect_peer(client.name)
    server.say("here again")
    for client in clients:
        client.expect_texts("server", ["here again"])
    for chat in (*clients, server):
        chat.leave()
    wire.close()


@case
def server_restarts_as_itself(c):
    server_restarts(c, ("--identity", "server.id"), "RESTARTED")


@case
def server_restarts_as_another(c):
    """Without --identity it is somebody new, and found all the same."""
    server_restarts(c, (), "LOST")


@case
def roles_that_do_not_fit(c):
    key = c.new_key()
    for ours, theirs in (("star", "server"), ("star", "client"), ("server", "server"),
                         ("client", "client"), ("client", "star")):
        url = ("--listen", "wss://127.0.0.1:0")
        alice = c.chat(f"{ours}", "--topology", ours, *url, key=key)
        bob = c.chat(f"other {theirs}", "--topology", theirs, "--connect", alice.url(), key=key)
        failed = bob.expect("dial", state="failed")
        check(failed["reason"] == "ROLE", f"{ours} and {theirs}: {failed}")
        bob.expect_exit(1)
        check("--topology" in bob.stderr_text(), f"no next step: {bob.stderr_text()}")
        check(not alice.all("peer") and not bob.all("peer"), "somebody saw a peer")
        alice.leave()


@case
def banned_from_a_star_by_one(c):
    """Each member decides for itself: the others keep whom one has put out."""
    key = c.new_key()
    alice, bob = pair(c, key)
    carol = c.chat("carol", "--identity", "carol.id", "--connect", bob.url(), key=key)
    for one, other in ((alice, "carol"), (bob, "carol"), (carol, "alice"), (carol, "bob")):
        one.expect_peer(other)
    alice.say("/ban carol")
    carol.expect_peer("alice", "departed", reason="BANNED")
    carol.say("still with you")
    bob.expect_texts("carol", ["still with you"])
    check_undisturbed(bob, "carol")
    carol.leave()
    turned_away(c.chat("carol", "--identity", "carol.id", "--connect", alice.url(), key=key), "BANNED")
    for chat in (bob, alice):
        chat.leave()
