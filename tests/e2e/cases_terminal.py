# SPDX-License-Identifier: MIT
"""A person at a terminal: what is typed and what is seen, while messages come. screen.py is the
terminal, and complains of whatever it is sent that it should not be."""
import os
import re
import signal

from harness import Process, case, check, free_port
from screen import AtTerminal, person

CLOCK = r"^\d\d:\d\d "
LEFT, RIGHT, UP, DOWN = "\x1b[D", "\x1b[C", "\x1b[A", "\x1b[B"
HOME, END, DELETE, BACKSPACE = "\x1b[H", "\x1b[F", "\x1b[3~", "\x7f"


def with_bob(c, *options, name="bob", **more):
    """Alice at a terminal, and bob, a program, who is connected to her."""
    key = c.new_key()
    url = f"wss://127.0.0.1:{free_port()}"
    alice = person(c, "alice", "--listen", url, *options, key=key, **more)
    alice.expect_said(CLOCK + r"\* listening: ")
    bob = c.chat(name, "--connect", url, key=key)
    bob.expect_peer("alice")
    alice.expect_below("1 connected")
    return alice, bob, key, url


def said_by(terminal, label):
    """What was said by whoever is shown so, in its order."""
    pattern = re.compile(CLOCK + re.escape(label) + " (.*)")
    return [match[1] for match in map(pattern.search, terminal.drawn(terminal.above)) if match]


def check_cursor(terminal, text):
    """What stands left of the cursor."""
    seen = terminal.drawn(terminal.before_cursor)
    check(seen == text, f"the cursor: {seen!r}")


def leave_all(*chats):
    for chat in chats:
        chat.leave()


@case
def typing_while_messages_arrive(c):
    """What comes goes above the line being typed, which stays as it is."""
    alice, bob, _, _ = with_bob(c)
    texts = [f"message {i} x" + "x" * (i % 90) for i in range(200)]
    alice.type("half a ")
    alice.expect_typed("half a")
    bob.start_writing("".join(text + "\n" for text in texts).encode(), then_close=False)
    for letter in "sentence":  # typed while they come
        alice.type(letter)
    alice.wait("all messages", lambda: alice.is_drawn() and len(said_by(alice, "<bob>")) == 200)
    alice.expect_typed("half a sentence")
    check(said_by(alice, "<bob>") == texts, "other messages are shown than were sent")
    check_cursor(alice, "> half a sentence")
    odd = [line for line in alice.drawn(alice.above) if not re.match(CLOCK + r"(<bob> message \d|\* )", line)]
    check(not odd, f"the typed line was left among the messages: {odd[:3]}")
    alice.expect_below(r"^1 connected \| bob wss identity( [\d.]+ ms)?$")
    alice.type("\r")
    bob.expect_texts("alice", ["half a sentence"])
    alice.expect_said(CLOCK + "<alice> half a sentence$")
    alice.expect_typed("")
    bob.leave()
    alice.expect_said(CLOCK + r"\* bob left$")
    alice.expect_below("nobody is connected")
    alice.leave()


@case
def editing(c):
    """The keys, each where it does something that the next one shows."""
    alice, bob, _, _ = with_bob(c)
    for keys, line in (
            ("one three", "one three"),
            (LEFT * 5 + "two ", "one two three"),
            (HOME + "> ", "> one two three"),
            (DELETE + "\x04", "> e two three"),
            (END + "\x17", "> e two"),
            ("\x19\x19", "> e two threethree"),
            ("\x01\x0b", ""),
            ("\x19\x15", ""),
            ("\x19", "> e two threethree"),
            ("\x1bb\x1bb\x1bb\x1bd", ">  two threethree"),
            ("\x05\x1b[1;5D\x0b", ">  two"),
            (BACKSPACE * 5 + "\x08", ">"),
            ("ab\x02\x02\x06\x14", ">ba"),
            ("\x1b[1~\x1b[3~\x1b[4~c\x1bOHd\x1bOFe", "dbace"),
            ("\x1b[15~\x1b[[A\x1b[1;2P\x1bz\x0f", "dbace"),  # mean nothing here
            ("\x03", "")):
        alice.type(keys)
        alice.expect_typed(line)
    check(bob.popen.poll() is None and alice.popen.poll() is None, "Ctrl-C on a line left")
    alice.type("said\n")
    bob.expect_texts("alice", ["said"])
    leave_all(bob, alice)


@case
def editing_letters(c):
    """Letters of several bytes, of two columns, of several characters: each is one for the cursor."""
    alice, bob, _, _ = with_bob(c)
    family = "\U0001f469\u200d\U0001f467"
    alice.type("añ漢字e\u0301" + family + "z")
    alice.expect_typed("añ漢字e\u0301" + family + "z")
    alice.type(LEFT * 2 + BACKSPACE)
    alice.expect_typed("añ漢字" + family + "z")
    alice.type(BACKSPACE)
    alice.expect_typed("añ漢" + family + "z")
    check_cursor(alice, "> añ漢")
    alice.type(LEFT + DELETE)
    alice.expect_typed("añ" + family + "z")
    alice.type(END + BACKSPACE * 2)
    alice.expect_typed("añ")
    alice.type("\x15")
    alice.expect_typed("")
    for byte in (b"\xe6", b"\xbc", b"\xa2", b"\xff", b"\xc3", b"!", b"\r"):
        alice.type_bytes(byte)
    bob.expect_texts("alice", ["漢\ufffd\ufffd!"])
    alice.type("\u202eevil\u2066\x15ok\r")
    bob.expect_texts("alice", ["漢\ufffd\ufffd!", "ok"])
    leave_all(bob, alice)


@case
def long_line(c):
    """A line that is longer than the window scrolls in its row; all of it is sent."""
    alice, bob, _, _ = with_bob(c, columns=40)
    text = "".join(f"word{i} 漢字 " for i in range(60))
    alice.type(text)
    alice.wait("the end of the line", lambda: alice.is_drawn() and "word59" in alice.line())
    check(alice.drawn(alice.line).startswith(">…"), "it does not say that there is more")
    bob.say("meanwhile")
    alice.expect_said(CLOCK + "<bob> meanwhile$")
    check("word59" in alice.drawn(alice.line), "the line is gone")
    alice.type(HOME)
    alice.wait("its begin", lambda: alice.is_drawn() and alice.line().startswith("> word0 "))
    check_cursor(alice, "> ")
    alice.type("\r")
    bob.expect_texts("alice", [text])
    leave_all(bob, alice)


@case
def history(c):
    """Up and down, with what was typed in between kept; nothing of it on a disk."""
    alice, bob, _, _ = with_bob(c)
    for text in ("first", "second", "second", "third"):
        alice.type(text + "\r")
        alice.expect_said(f"<alice> {text}$")
    bob.expect_texts("alice", ["first", "second", "second", "third"])
    alice.type("draft")
    for key, line in ((UP, "third"), (UP, "second"), ("\x10", "first"), (UP, "first"), (DOWN, "second"),
                      ("\x0e", "third"), (DOWN, "draft"), (DOWN, "draft"), (UP * 2, "second")):
        alice.type(key)
        alice.expect_typed(line)
    check(alice.screen.bells == 2, f"{alice.screen.bells} sounds for two ends")
    alice.type(" again\r")
    bob.expect_texts("alice", ["first", "second", "second", "third", "second again"])
    leave_all(bob, alice)
    left = sorted(path.name for path in c.folder.iterdir())
    check(left == ["team.key"], f"files in the folder: {left}")


def resize_terminal(c, reflows):
    alice, bob, _, _ = with_bob(c, columns=100, rows=12, reflows=reflows)
    for i in range(20):
        bob.say(f"message {i} " + "y" * 60)
    alice.type("a line that takes more than forty columns of it, and a little more" + LEFT * 40)
    alice.wait("20 messages", lambda: alice.is_drawn() and len(said_by(alice, "<bob>")) == 20)
    for columns, rows in ((80, 12), (60, 8), (50, 20), (38, 6), (120, 30), (30, 2), (100, 12), (100, 13),
                          (78, 13), (61, 13), (48, 13), (38, 13)):
        if rows == 13:  # the cursor stands at the end, and the window gets narrower bit by bit
            alice.type(END)
            alice.wait("the end", lambda: alice.is_drawn() and alice.line().endswith("little more"))
        alice.resize(columns, rows)
        bob.say(f"at {columns}")
        alice.expect_said(f"<bob> at {columns}$")
        line, below, above = alice.drawn(lambda: (alice.line(), alice.below(), alice.above()))
        check(line.startswith(">") and re.search("takes more|little more$", line),
              f"{columns} columns: the line is {line!r}")
        check(rows < 3 or below.startswith("1 connected"), f"{columns}: {below!r}")
        debris = [line for line in above if not re.match(CLOCK, line)]
        check(not debris, f"{columns} columns: rows were left behind: {debris}")
    shown = said_by(alice, "<bob>")
    check([text.split()[1] for text in shown[:20]] == [str(i) for i in range(20)],
          f"messages are gone: {shown[:20]}")
    alice.type(END + "\x15done\r")
    bob.expect_texts("alice", ["done"])
    leave_all(bob, alice)


@case
def resize_with_reflow(c):
    """The window gets narrower, wider, lower and higher: no message goes, nothing is left behind."""
    resize_terminal(c, True)


@case
def resize_without_reflow(c):
    resize_terminal(c, False)


@case
def paste(c):
    """A paste is text, whatever is in it: several lines are one message, and no key is a key."""
    alice, bob, _, _ = with_bob(c)
    alice.wait("the marking of pastes", lambda: alice.screen.pastes_marked)
    alice.type("see: \x1b[200~one\r\ntwo\n\tthree \x03\x04\x1b[A\x17漢\r\x1b[201~")
    alice.expect_typed("see: one↵two↵ three 漢↵")
    alice.type("\r")
    bob.expect_texts("alice", ["see: one\ntwo\n\tthree 漢"])
    alice.expect_said(CLOCK + "<alice> see: one$")
    alice.expect_said("^    two$")
    big = "".join(f"line {i}\n" for i in range(6000))
    alice.type("\x1b[200~" + big + "\x1b[201~\r")
    bob.expect_texts("alice", ["see: one\ntwo\n\tthree 漢", big.rstrip("\n")])
    alice.type("\x1b[200~" + "z" * 70000 + "\x1b[201~\r")  # more than a line takes
    alice.expect_said("a line has at most 65536 bytes")
    check(0 < alice.screen.bells < 10, f"{alice.screen.bells} sounds")
    bob.expect("message", text="z" * 65536)
    leave_all(bob, alice)


@case
def suspend(c):
    """Ctrl-Z gives the terminal back to the shell; fg, and the line is there again, and what came."""
    key = c.new_key()
    url = f"wss://127.0.0.1:{free_port()}"
    shell = AtTerminal(c, "shell", ["bash", "--norc", "--noprofile", "--noediting", "-i"],
                       env={"PS1": "ready$ ", "CHAT": c.program("kith-chat")})
    shell.expect_text(r"^ready\$$")
    before = shell.settings()
    # The pid first, and a program of that pid in place of the one that told it.
    shell.type(f"sh -c 'echo pid $$; exec \"$CHAT\" --name alice --no-discovery --key {key} --listen {url}'\n")
    pid = int(shell.expect_text(r"^pid (\d+)$")[1])
    shell.expect_said(CLOCK + r"\* listening: ")
    bob = c.chat("bob", "--connect", url, key=key)
    bob.expect_peer("alice")
    shell.type("not yet sa")
    shell.expect_typed("not yet sa")
    raw = shell.settings()
    check(raw != before, "it reads lines, not keys")
    for number, (stop, go) in enumerate((("\x1a", "fg"), ("TSTP", "fg"), ("STOP", "fg"), ("\x1a", "bg; fg"),
                                         ("\x1a", "bg; echo is in the back; wait_for; fg"))):
        if stop == "\x1a":
            shell.type(stop)
        else:
            os.kill(pid, getattr(signal, "SIG" + stop))
        shell.wait("the shell's word", lambda: len(re.findall("Stopped", shell.raw)) > number)
        shell.type("echo mark$((40 + %d))\n" % number)
        shell.expect_text(f"^mark{40 + number}$")
        if stop != "STOP":  # of which nobody is told
            check(shell.settings() == before, f"stopped by {stop!r}: the terminal's settings are not back")
        bob.say(f"came while {number}")
        if "wait_for" in go:
            shell.type("bg\n")
            shell.expect_text(f"<bob> came while {number}$")  # the chat goes on without its terminal
            check(shell.settings() == before, "it took the terminal in the background")
            shell.type("fg\n")
        else:
            shell.type(go + "\n")
        shell.expect_said(f"<bob> came while {number}$")
        shell.expect_typed("not yet sa")
        check(shell.settings() == raw, f"after {stop!r}: not key by key")
    shell.type("id\r")
    bob.expect_texts("alice", ["not yet said"])
    shell.type("\x04")
    bob.expect_peer("alice", "departed", reason="LEFT")
    shell.wait("the shell's prompt", lambda: shell.screen.lines()[-1] == "ready$" or
               shell.line().startswith("ready$"))
    check(shell.settings() == before, "the terminal is not as it was before")
    shell.type("exit\n")
    shell.wait_exit()
    bob.leave()


@case
def leaving_a_terminal(c):
    """Every end gives the terminal back."""
    for keys in ("\x04", "\x03", "/quit\r"):
        alice, bob, _, _ = with_bob(c)
        alice.type(keys)
        bob.expect_peer("alice", "departed", reason="LEFT")
        alice.expect_exit(0)
        alice.check_restored()
        bob.leave()
        (c.folder / "team.key").unlink()
    alice, bob, _, _ = with_bob(c)
    bob.send_signal(signal.SIGSTOP)
    alice.type("held up\r")
    alice.expect_said("<alice> held up")
    alice.type("\x04")
    alice.expect_below("^leaving")
    alice.type("\x03\x03")  # at once
    alice.expect_exit(0)
    alice.check_restored()


@case
def signals_at_a_terminal(c):
    """So does every signal, crashes included."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGABRT, signal.SIGILL,
                   signal.SIGQUIT):
        alice = person(c, "alice", insecure=True)
        alice.expect_said(CLOCK + r"\* listening: ")
        alice.type("unfinished")
        alice.expect_typed("unfinished")
        alice.send_signal(number)
        status = alice.wait_exit()
        leaves = number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        check(status == (0 if leaves else -number), f"{number.name}: status {status}")
        alice.check_restored()


@case
def clear_and_interrupt(c):
    """Ctrl-L empties the screen, not what can be scrolled back to."""
    alice, bob, _, _ = with_bob(c, rows=10)
    for i in range(30):
        bob.say(f"message {i}")
    alice.type("typed")
    alice.wait("30 messages", lambda: alice.is_drawn() and len(said_by(alice, "<bob>")) == 30)
    alice.type("\x0c")
    alice.wait("an empty screen", lambda: alice.is_drawn() and alice.screen.y == alice.screen.top())
    alice.expect_typed("typed")
    check(len(said_by(alice, "<bob>")) == 30, "messages are gone from what can be scrolled back to")
    bob.say("after")
    alice.expect_said("<bob> after$")
    alice.type("\x03")
    alice.expect_typed("")
    leave_all(bob, alice)


@case
def colours(c):
    """With NO_COLOR or --color never there are none; everything else stays."""
    for options, env, wanted in (((), {}, True), ((), {"NO_COLOR": "1"}, False), ((), {"NO_COLOR": ""}, True),
                                 (("--color", "never"), {}, False),
                                 (("--color=always",), {"NO_COLOR": "1"}, True)):
        alice = person(c, "alice", *options, insecure=True, env=env)
        alice.expect_said(CLOCK + r"\* listening: ")
        alice.type("hello")
        alice.expect_typed("hello")
        alice.type("\x03")
        alice.expect_typed("")
        alice.leave()
        check((alice.screen.colours > 0) == wanted, f"{options} {env}: {alice.screen.colours} colours")
    done = c.run("--color", "sometimes", "--insecure")
    check(done.status == 2 and "--color" in done.stderr_text(), done.stderr_text())


@case
def not_a_terminal(c):
    """Where one of the two is no terminal, or a dumb one, there is not one sequence."""
    dumb = person(c, "alice", insecure=True, env={"TERM": "dumb"})
    dumb.expect_text(r"^\* listening: ")
    dumb.type("hello\n")
    dumb.expect_text("^hello$")  # by the terminal itself
    dumb.type("\x04")
    dumb.expect_exit(1)  # nobody was there to hear it
    check("\x1b" not in dumb.raw, f"sequences for a dumb terminal: {dumb.raw!r}")
    piped = AtTerminal(c, "piped", ["bash", "-c", '"$0" --insecure --no-discovery --name alice | cat', c.program("kith-chat")])
    piped.expect_text(r"^\* listening: ")
    piped.type("\x04")
    piped.expect_exit(0)
    check("\x1b" not in piped.raw, f"sequences into a pipe: {piped.raw!r}")
    always = c.chat("always", "--color", "always", insecure=True, json_mode=False)
    always.expect_line("\x1b\\[2m\\* listening")
    always.leave()


@case
def hostile_peer(c):
    """Nobody's words or name do anything to a terminal, or look like somebody else's."""
    key = c.new_key()
    url = f"wss://127.0.0.1:{free_port()}"
    alice = person(c, "alice", "--listen", url, key=key)
    alice.expect_said(CLOCK + r"\* listening: ")
    names = {"\u202eevil\u2066": '<\ufffdevil\ufffd>', "alice": r"<alice#xxxx>", "you": '<"you">',
             "bob> I agree": '<"bob> I agree">', 'q"q\\': '<"q\\"q\\\\">', "* root": '<"* root">'}
    attacks = [b"\x1b[2J\x1b[H", b"\x1b]0;title\x07", b"\x1b]52;c;aGk=\x07", b"\x1bP$q\x1b\\", b"\x9b2J",
               b"\xc2\x9b2J", b"\xc2\x9d0;x\xc2\x9c", b"\x1b[?1049h", b"\x1b[6n", b"\x07\x08\x7f\x00\x0e",
               "\u202e\u2066\u2028\u2029".encode(), b"\r<bob> forged", b"\xff\xfe\xc0\xaf\xed\xa0\x80",
               b"\x1b8\x1b[?7h", b"\x1b[201~\x1b[200~"]
    for name, shown in names.items():
        mallory = c.chat(name, "--connect", url, key=key)
        mallory.expect_peer("alice")
        if "xxxx" in shown:
            shown = shown.replace("xxxx", mallory.expect("open")["id"][:4])
        for attack in attacks:
            mallory.write(b"> " + attack + b"\n")
        mallory.say("/to alice over")
        alice.expect_said(CLOCK + re.escape(f"[{shown[1:-1]} -> you] over") + "$")
        heard = said_by(alice, shown)
        check(len(heard) == len(attacks), f"{name!r} is shown as {shown!r} {len(heard)} times")
        check(any("forged" in line for line in heard), "the forged line is its own")
        check(not [line for line in alice.drawn(alice.above)
                   if re.match(CLOCK + "<bob> |<bob>", line)], "it was forged")
        alice.expect_typed("")
        mallory.leave()
        alice.expect_below("nobody is connected")
    check(not [n for n in (alice.raw.count("\x1b]"), alice.raw.count("\x9b")) if n], "a sequence came through")
    alice.leave()


@case
def private_messages(c):
    """What is said to one is marked for both, and for programs by its channel; the others hear
    nothing. It keeps its place among what is said to all."""
    alice, bob, key, url = with_bob(c)
    carol = person(c, "carol", "--connect", url, "--connect", bob.url(), key=key)
    carol.expect_below("2 connected")
    alice.expect_below("2 connected")
    bob.expect_peer("carol")
    carol.type("/to alice just us\r")
    carol.expect_said(CLOCK + r"\[you -> alice\] just us$")
    alice.expect_said(CLOCK + r"\[carol -> you\] just us$")
    alice.type("/to carol yes\r")
    alice.expect_said(CLOCK + r"\[you -> carol\] yes$")
    carol.expect_said(CLOCK + r"\[alice -> you\] yes$")
    alice.type("to all\r")
    carol.expect_said(CLOCK + "<alice> to all$")
    bob.expect("message", text="to all", channel=0)
    check(bob.texts("carol") == [], f"bob heard {bob.texts('carol')}")
    lines = [f"/to alice {i}" if i % 3 else str(i) for i in range(60)]
    bob.write("".join(line + "\n" for line in lines).encode())
    carol.expect_said("<bob> 57$")
    alice.wait("60 messages", lambda: len(re.findall(r"^.*bob(?:>| -> you\]) \d+$", "\n".join(alice.above()),
                                                     re.M)) == 60)
    numbers = [int(line.split()[-1]) for line in alice.drawn(alice.above) if re.search(r"bob(>| -> you\]) \d+$", line)]
    check(numbers == list(range(60)), f"another order: {numbers}")
    alice.type("/to bob secret\r")
    bob.expect("message", text="secret", channel=1)
    leave_all(carol, bob, alice)


@case
def names_on_a_terminal(c):
    """People of one name, and names with blanks: as they are shown, so they are accepted."""
    key = c.new_key()
    url = f"wss://127.0.0.1:{free_port()}"
    alice = person(c, "alice", "--listen", url, key=key)
    alice.expect_said(CLOCK + r"\* listening: ")
    bobs = [c.chat("bob the great", "--connect", url, key=key) for _ in range(2)]
    alice.expect_below(r'^2 connected \| "bob the great"#[0-9a-f]{4,} .* \| "bob the great"#[0-9a-f]{4,} ')
    alice.type('/to "bob the great" which one?\r')
    alice.expect_said("more than one has this name")
    for bob in bobs:
        label = f'"bob the great"#{bob.expect("open")["id"][:4]}'
        alice.type(f"/to {label} you\r")
        alice.expect_said(CLOCK + re.escape(f"[you -> {label}") + r".*\] you$")
        bob.expect_texts("alice", ["you"])
    bobs[0].leave()
    alice.expect_below('^1 connected . "bob the great" ')
    alice.type('/to "b\t')
    alice.expect_typed('/to "bob the great"')
    alice.type("and you\r")
    bobs[1].expect("message", text="and you")
    alice.type("/p\t")
    alice.expect_typed("/peers")
    alice.type("\r")
    alice.expect_said(CLOCK + r'\* "bob the great"  \w{8}  wss TLS_\w+  IDENTITY  127\.0\.0\.1:\d+ ')
    alice.type("/stats\r")
    alice.expect_said(CLOCK + r'\* "bob the great": 2 messages \(10 bytes\) sent, 0 \(0 bytes\) received')
    alice.type("/dance\r")
    alice.expect_said("there is no command /dance")
    bobs[1].leave()
    alice.type("\x04")
    alice.expect_exit(1)  # two lines went nowhere
    alice.check_restored()


@case
def undelivered_on_a_terminal(c):
    """What did not arrive is named by its words, not by the number of its line."""
    alice, bob, _, _ = with_bob(c)
    bob.send_signal(signal.SIGSTOP)
    alice.type("can you hear me?\r")
    alice.expect_said("<alice> can you hear me")
    bob.send_signal(signal.SIGKILL)
    alice.expect_said(r"\* (not sent to|sent, but it may not have reached) bob: can you hear me\?$")
    alice.type("\x04")
    alice.expect_exit(1)


@case
def out_of_reach_on_the_status(c):
    """Whoever is waited for is shown so, until he is back."""
    alice, bob, _, _ = with_bob(c, "--deadline", "1")
    bob.send_signal(signal.SIGSTOP)  # that he still listens keeps alice from giving him up
    alice.expect_below(r"^1 connected \| bob out of reach$")
    alice.expect_said(CLOCK + r"\* bob is out of reach")
    bob.send_signal(signal.SIGCONT)
    alice.expect_below(r"^1 connected \| bob wss identity")
    leave_all(bob, alice)


@case
def redial(c):
    """A lost connection comes back by itself where a person waits, and is not tried where not."""
    key = c.new_key()
    # A lost connection is a departure, and nobody hears of the others.
    at_once = ("--resume-window", "0", "--no-introductions")
    url = f"wss://127.0.0.1:{free_port()}"
    first = c.chat("alice", "--listen", url, *at_once, key=key)
    first.url()
    bob = person(c, "bob", "--connect", url, *at_once, key=key)
    tired = person(c, "tired", "--no-redial", "--connect", url, *at_once, key=key)
    machine = c.chat("machine", "--connect", url, *at_once, key=key)
    keen = c.chat("keen", "--redial", "--connect", url, *at_once, key=key)
    for name in ("bob", "tired", "machine", "keen"):
        first.expect_peer(name)
    for chat in (bob, tired):
        chat.expect_below("1 connected")
    for chat in (machine, keen):  # what breaks before is no connection that was lost
        chat.expect("dial", state="ready")
    first.send_signal(signal.SIGKILL)
    bob.expect_said(re.escape(f"* the connection was lost: trying {url} again"))
    bob.expect_below(f"nobody is connected . trying {re.escape(url)}$")
    bob.type("are you back?\r")
    bob.expect_said("kept for the first who joins")
    tired.expect_said(r"\* alice left")
    machine.expect("dial", state="closed", reason="LOST")
    keen.expect("dial", state="waiting")
    second = c.chat("alice", "--listen", url, *at_once, key=key)
    second.expect("message", text="are you back?")
    bob.expect_below(r"1 connected \| alice")
    keen.expect("dial", state="ready", count=2)
    for name in ("tired", "machine"):
        check(not second.all("peer", name=name), f"{name} dialled again")
    check("trying" not in tired.raw, "the tired one tries again")
    check(len(machine.all("dial")) == 2, f"the machine: {machine.all('dial')}")
    second.leave()  # nobody dials whoever has left
    bob.expect_said(r"\* alice left$")
    keen.expect("dial", state="closed", reason="LEFT")
    leave_all(bob, tired, machine, keen)
    check("trying" not in bob.raw.split("alice left")[-1], "it dials somebody who has left")


@case
def show_and_add_key(c):
    """A key goes from a screen to a keyboard: unseen there, with its checksum, into a file of 0600."""
    key = c.new_key()
    secret = key.read_text().strip().split(":")[1]
    shown = c.run("--show-key", "--key", key)
    text = shown.stdout_text()
    check(shown.status == 0 and re.fullmatch(r"([A-Z2-7]{4}-)+[A-Z2-7]{1,4}", text), f"it shows {text!r}")
    screen = AtTerminal(c, "show", [c.program("kith-chat"), "--show-key", "--key", str(key)], columns=100)
    screen.expect_exit(0)
    check(text in screen.screen.lines(), "on a terminal it shows another text")
    check("█" in screen.raw or "without QR codes" in screen.raw, "no QR code, and no word of it")
    typist = AtTerminal(c, "add", [c.program("kith-chat"), "--add-key", "--key", "new.key"])
    typist.expect_text("not shown")
    typist.type(text.lower().replace("-", " ") + "\n")
    typist.expect_exit(0)
    typist.check_restored()
    check(text[:9].lower() not in typist.raw.lower().replace(" ", "-"), "what was typed was shown")
    new = c.folder / "new.key"
    check(new.read_text() == key.read_text(), "another key came out")
    check(new.stat().st_mode & 0o777 == 0o600, f"mode {new.stat().st_mode:o}")
    for said in (shown, screen, typist):
        check(secret not in said.stdout_text() + said.stderr_text(), "it shows the key as it is in the file")


def add_key(c, path, text):
    adder = Process(c, "add", [c.program("kith-chat"), "--add-key", "--key", str(path)],
                    typed=text.encode())
    adder.wait_exit()
    return adder


@case
def add_key_rules(c):
    """Both forms, once; slips are found; what is in the file stays."""
    key = c.new_key()
    shown = c.run("--show-key", "--key", key).stdout_text()
    path = c.write("group.key", "# ours\nteam:" + "ab" * 32, mode=0o644)  # no line end
    team = c.run("--show-key", "--key", path).stdout_text()
    added = add_key(c, path, "\n# a comment\n" + shown + "\n")
    check(added.status == 0, added.stderr_text())
    check(path.read_text() == "# ours\nteam:" + "ab" * 32 + "\n" + key.read_text(), path.read_text())
    check(path.stat().st_mode & 0o777 == 0o600, f"mode {path.stat().st_mode:o}")
    again = add_key(c, path, team + "\n" + key.read_text())
    check(again.status == 0 and "already" in again.stdout_text(), again.stdout_text() + again.stderr_text())
    empty = add_key(c, c.write("empty.key", "# none yet\n"), shown)
    check(empty.status == 0 and (c.folder / "empty.key").read_text() == "# none yet\n" + key.read_text(), "empty")
    hexed = add_key(c, c.folder / "made.key", "other:" + "cd" * 16)
    check(hexed.status == 0 and (c.folder / "made.key").read_text() == "other:" + "cd" * 16 + "\n", "hex")
    slip = shown.replace(shown[10], "A" if shown[10] != "A" else "B", 1)
    for text, word, status in ((slip, "checksum", 2), ("hello world", "no key", 2), ("", "no key to add", 2),
                               ("team:" + "cd" * 32, "another key", 1), ("x:zz", "no key", 2)):
        wrong = add_key(c, path, text)
        check(wrong.status == status, f"{text[:12]!r}: status {wrong.status} instead of {status}")
        check(word in wrong.stderr_text(), f"{text[:12]!r}: {wrong.stderr_text()!r}")
        check("cd" * 8 not in wrong.stderr_text() + wrong.stdout_text(), "it repeats the key")
    for options in (("--show-key",), ("--add-key", "--insecure"), ("--show-key", "--add-key", "--key", key),
                    ("--show-key", "--key", key, "--connect", "wss://127.0.0.1:9")):
        done = c.run(*options)
        check(done.status == 2, f"{options}: status {done.status}")


@case
def unseen_key_interrupted(c):
    """Ctrl-C at the question gives back a terminal that shows what is typed."""
    typist = AtTerminal(c, "add", [c.program("kith-chat"), "--add-key", "--key", "new.key"])
    typist.expect_text("not shown")
    typist.type("half a key\x03")
    status = typist.wait_exit()
    check(status == -signal.SIGINT, f"status {status}")
    typist.was_signalled = True
    typist.check_restored()
    check("half" not in typist.raw and not (c.folder / "new.key").exists(), "it was shown, or kept")


@case
def names_refused(c):
    """A bad name is refused by the name of its option."""
    for option in ("--name", "--session"):
        for value in ("", "n" * 64, "a\tb", "a\x7f", "a\x1b[31m", "\u0085", "\udcff\udcfe"):
            done = c.run("--insecure", option, value)
            check(done.status == 2 and len(done.stderr) == 1 and done.stderr[0].startswith(
                f"kith-chat: {option}: "), f"{option} {value!r}: {done.status}, {done.stderr}")


@case
def two_terminals(c):
    """Two people, both at terminals, and everything in front of their eyes."""
    key = c.new_key()
    url = f"wss://127.0.0.1:{free_port()}"
    alice = person(c, "alice", "--listen", url, key=key)
    alice.expect_said(CLOCK + r"\* listening: ")
    bob = person(c, "bob", "--connect", url, key=key, columns=60, rows=5)
    bob.expect_below("alice")
    alice.expect_below("bob")
    for i in range(10):
        alice.type(f"alice {i}\r")
        bob.expect_said(CLOCK + f"<alice> alice {i}$")
        bob.type(f"bob {i}\r")
        alice.expect_said(CLOCK + f"<bob> bob {i}$")
    bob.leave()
    alice.leave()
