# SPDX-License-Identifier: MIT
"""A terminal of our own: a pseudo terminal with a program on it, and a screen that keeps what the program
draws. It knows exactly the sequences that kith-chat is meant to use; any other one, and any other
control character, is a problem of the case, for nothing a peer sends may get through to a terminal."""
import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import threading
import unicodedata

from harness import DEADLINE_S, Failure, Process, check

SEQUENCE = re.compile(r"\x1b(?:(?P<alone>[78])|\[(?P<parameters>[0-?]*)(?P<final>[@-~]))")
TURNS = "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
UNFINISHED = re.compile(r"\x1b(\[[0-?]*)?$")


def cells_of(character):
    if unicodedata.category(character) in ("Mn", "Me") or character == "\u200d":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class Row:
    def __init__(self):
        self.cells = []        # a text for each column; "" behind a wide letter
        self.is_wrapped = False  # goes on in the next row

    def text(self):
        return "".join(self.cells).rstrip()


class Screen:
    """Rows, of which the last ones are on the screen and all others have scrolled away."""

    def __init__(self, columns, height, reflows):
        self.columns, self.height, self.reflows = columns, height, reflows
        self.rows = [Row() for _ in range(height)]
        self.y = self.x = 0  # y counts all rows
        self.saved = (0, 0)
        self.wraps = True
        self.is_full = False  # the last column was written: the next letter wraps
        self.colours = 0
        self.bells = 0
        self.pastes_marked = False
        self.problems = []
        self.rest = ""

    def top(self):
        return len(self.rows) - self.height

    # ---- what the program writes ----

    def feed(self, text):
        text, self.rest = self.rest + text, ""
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                match = SEQUENCE.match(text, at)
                if match:
                    self.sequence(match)
                    at = match.end()
                    continue
                if UNFINISHED.match(text, at):
                    self.rest = text[at:]
                    return
            self.character(text[at])
            at += 1

    def sequence(self, match):
        what = match["alone"] or match["parameters"] + match["final"]
        if what == "7":
            self.saved = (self.y - self.top(), self.x)
        elif what == "8":
            self.y, self.x, self.is_full = self.top() + self.saved[0], self.saved[1], False
        elif what == "J":
            self.cut(self.y, self.x)
            for row in self.rows[self.y + 1:]:
                row.cells, row.is_wrapped = [], False
        elif what == "A":
            self.y, self.is_full = max(self.y - 1, self.top()), False
        elif what == "H":
            self.y, self.x, self.is_full = self.top(), 0, False
        elif what in ("?7l", "?7h"):
            self.wraps = what == "?7h"
        elif what in ("?2004l", "?2004h"):
            self.pastes_marked = what == "?2004h"
        elif re.fullmatch(r"[0-9;]*m", what):
            self.colours += 1
        else:
            self.problems.append(f"a sequence that is not ours: {match.group()!r}")

    def cut(self, y, x):
        row = self.rows[y]
        row.cells, row.is_wrapped = row.cells[:x], False

    def character(self, c):
        if c == "\r":
            self.x, self.is_full = 0, False
        elif c == "\n":
            self.down()
        elif c == "\a":
            self.bells += 1
        elif c == "\t":
            self.x, self.is_full = min((self.x // 8 + 1) * 8, self.columns - 1), False
        elif unicodedata.category(c) == "Cc" or c in TURNS:
            self.problems.append(f"a control character: {c!r}")
        else:
            self.put(c, cells_of(c))

    def down(self):
        self.is_full = False
        self.y += 1
        if self.y == len(self.rows):
            self.rows.append(Row())

    def put(self, c, width):
        if width == 0:
            row = self.rows[self.y]
            if 0 < self.x <= len(row.cells):
                row.cells[self.x - 1] += c
            return
        if self.is_full or self.x + width > self.columns:
            if self.wraps:
                self.rows[self.y].is_wrapped = True
                self.x = 0
                self.down()
            else:
                self.x = self.columns - width
        cells = self.rows[self.y].cells
        cells.extend([" "] * (self.x + width - len(cells)))
        cells[self.x:self.x + width] = [c] + [""] * (width - 1)
        self.x += width
        if self.x >= self.columns:
            self.x, self.is_full = self.columns - 1, True

    # ---- what a user does ----

    def resize(self, columns, height):
        """As xterm does it: what is too wide is cut off. With reflows, as most others do: it goes on in
        the next row, and goes back when there is room."""
        self.is_full = False
        if self.reflows:
            self.reflow(columns)
        else:
            for row in self.rows:
                row.cells = row.cells[:columns]
            self.x = min(self.x, columns - 1)
        self.columns, self.height = columns, height
        # Empty rows below the cursor go first, as everywhere; then the upper ones scroll away.
        while len(self.rows) > self.y + 1 and len(self.rows) > height and not self.rows[-1].text():
            self.rows.pop()
        while len(self.rows) < height:
            self.rows.append(Row())

    def reflow(self, columns):
        rows, new_y, new_x = [], 0, 0
        line, cursor = [], None
        for y, row in enumerate(self.rows):
            if y == self.y:
                cursor = len(line) + self.x
            line += row.cells + ([" "] * (self.columns - len(row.cells)) if row.is_wrapped else [])
            if row.is_wrapped:
                continue
            if cursor is not None:
                new_y, new_x = len(rows) + cursor // columns, cursor % columns
            while True:
                piece = Row()
                piece.cells, line = line[:columns], line[columns:]
                rows.append(piece)
                piece.is_wrapped = bool(line)
                if not line and (cursor is None or len(rows) > new_y):
                    break
            cursor = None
        self.rows, self.y, self.x = rows, new_y, new_x

    # ---- what is to be seen ----

    def lines(self, begin=0, end=None):
        """The rows as lines: what was broken at the edge is one again."""
        found, line = [], ""
        for row in self.rows[begin:end]:
            line += "".join(row.cells) if row.is_wrapped else row.text()
            if not row.is_wrapped:
                found.append(line)
                line = ""
        return found + ([line] if line else [])


class AtTerminal(Process):
    """A program at a terminal of its own, and a person who looks at it and types."""

    def __init__(self, owner, name, argv, columns=80, rows=24, reflows=True, env=(), drawing_ends="\x1b8\x1b[?7h"):
        """drawing_ends: with what every drawing of the program ends, and nothing else does."""
        self.screen = Screen(columns, rows, reflows)
        self.drawing_ends = drawing_ends
        self.raw = ""
        self.owner, self.name, self.command = owner, name, " ".join(argv)
        self.stdout, self.stderr, self.writers = [], [], []
        self.status, self.was_signalled = None, False
        self.changed = threading.Condition()
        self.at_end = None
        self.master, self.slave = pty.openpty()
        self.set_size(columns, rows)
        self.at_first = termios.tcgetattr(self.slave)
        environment = {**{k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES")},
                       "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **dict(env)}
        # setsid makes the terminal the one that controls the process, as a login does.
        self.popen = subprocess.Popen(["setsid", "--ctty", *argv], stdin=self.slave, stdout=self.slave,
                                      stderr=self.slave, env=environment, cwd=owner.folder)
        self.pid = self.popen.pid
        owner.processes.append(self)
        self.readers = [threading.Thread(target=self.read_terminal, daemon=True)]
        self.readers[0].start()

    def read_terminal(self):
        decoder = codecs.getincrementaldecoder("utf-8")("strict")
        while True:
            select.select([self.master], [], [])
            with self.changed:  # so that what was written is either read and on the screen, or still to be read
                try:
                    data = os.read(self.master, 65536)
                except OSError:
                    data = b""
                try:
                    text = decoder.decode(data, not data)
                except UnicodeDecodeError as error:
                    self.owner.problems.append(f"{self.name} wrote what is no UTF-8: {error}")
                    data, text = b"", ""
                self.raw += text
                self.screen.feed(text)
                self.stderr[:] = self.screen.lines()
                self.owner.problems += [f"{self.name}: {problem}" for problem in self.screen.problems]
                self.screen.problems.clear()
                self.changed.notify_all()
            if not data:
                return

    def set_size(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def is_at_rest(self):
        """It has drawn, all of that is on the screen, and it waits for something."""
        if not self.is_drawn() or select.select([self.master], [], [], 0)[0]:
            return False
        try:
            with open(f"/proc/{self.pid}/stat") as stat:
                return stat.read().rsplit(")", 1)[1].split()[0] == "S"
        except FileNotFoundError:  # a system without
            return True

    def change_size(self, columns, rows):
        """The user draws at the window's edge while the program is at rest: a drawing for the old size would
        be broken by the new one, here as on every terminal. Gives what has been written so far."""
        def change():
            if not self.is_at_rest():
                return None
            self.screen.resize(columns, rows)
            self.set_size(columns, rows)
            return (len(self.raw),)
        return self.wait("a rest", change, look_again_s=0.01)[0]

    def resize(self, columns, rows):
        """Likewise, and the program draws anew."""
        mark = self.change_size(columns, rows)
        self.wait("drawing anew for another size", lambda: len(self.raw) > mark and self.is_drawn())
        return mark

    def type(self, text):
        self.type_bytes(text.encode())

    def type_bytes(self, data):
        while data:
            data = data[os.write(self.master, data):]

    # ---- what is to be seen ----

    def is_drawn(self):
        """No drawing is under way."""
        return self.raw.endswith(self.drawing_ends)

    def drawn(self, read):
        """Gives what read() does of a whole drawing: another one may be under way at any time, for times of
        round trips in the lowest row alone."""
        return self.wait("a whole drawing", lambda: self.is_drawn() and (read(),))[0]

    # These four see what is there, be it half of a drawing: inside a wait() for is_drawn(), or by drawn().

    def line(self):
        """The row of the cursor: the prompt and what is typed."""
        return self.screen.rows[self.screen.y].text()

    def before_cursor(self):
        return "".join(self.screen.rows[self.screen.y].cells[:self.screen.x])

    def below(self):
        """The row below: who is connected."""
        return "\n".join(filter(None, (row.text() for row in self.screen.rows[self.screen.y + 1:])))

    def above(self):
        """All that was said, from the beginning, without what has not been written on yet."""
        return self.screen.lines(0, self.screen.y)

    def expect_typed(self, text):
        """Waits until this stands in the line, all of it, with the cursor anywhere."""
        self.wait(f"the line {text!r}", lambda: self.is_drawn() and self.line() == ("> " + text).rstrip())

    def expect_said(self, pattern):
        """Waits for a line of the chat; gives the match."""
        compiled = re.compile(pattern)
        return self.wait(f"a line like {pattern!r}", lambda: self.is_drawn() and next(
            filter(None, map(compiled.search, self.above())), None))

    def expect_text(self, pattern):
        """Waits for something in any line, also where no line is being edited; gives the match."""
        compiled = re.compile(pattern)
        return self.wait(f"text like {pattern!r}", lambda: next(
            filter(None, map(compiled.search, self.screen.lines())), None))

    def expect_below(self, pattern):
        return self.wait(f"a status like {pattern!r}", lambda: self.is_drawn() and re.search(
            pattern, self.below()))

    def wait(self, what, find, *arguments, **more):
        def find_or_end():
            found = find()
            if not found and self.popen.poll() is not None:
                self.hang_up()  # then the reader ends, after it has read all
            return found
        try:
            return super().wait(what, find_or_end, *arguments, **more)
        except Failure as failure:
            shown = "\n".join(f"   | {line}" for line in self.screen.lines()[-30:])
            raise Failure(f"{failure}; the terminal shows (cursor in row {self.screen.y}, column "
                          f"{self.screen.x})\n{shown}\n   raw: {self.raw[-300:]!r}") from None

    def settings(self):
        return termios.tcgetattr(self.slave)

    def check_restored(self):
        """The terminal is as it was before the program; after its end."""
        check(self.at_end == self.at_first, f"{self.name} left other settings of the terminal")
        check(not self.screen.pastes_marked, f"{self.name} left the marking of pastes on")
        check(self.screen.wraps, f"{self.name} left lines that do not wrap")

    def hang_up(self):
        if self.slave is not None:
            self.at_end = self.settings()
            os.close(self.slave)
            self.slave = None

    def wait_exit(self, deadline_s=None):
        """Waits for the end of the program and for everything that it has drawn."""
        try:
            self.status = self.popen.wait(deadline_s or DEADLINE_S)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not end in {deadline_s or DEADLINE_S} s; the terminal shows "
                          f"{self.screen.lines()[-10:]}") from None
        self.hang_up()
        self.readers[0].join(DEADLINE_S)
        return self.status

    def leave(self):
        self.type("\x04")
        self.expect_exit(0)
        self.check_restored()

    def end(self):
        if self.popen.poll() is None:
            self.was_signalled = True
            self.popen.kill()
        self.status = self.popen.wait()
        self.hang_up()
        self.readers[0].join(DEADLINE_S)
        os.close(self.master)


def person(c, name, *options, key=None, insecure=False, **more):
    """Starts a kith-chat at a terminal. It listens on 127.0.0.1 unless the options say where."""
    options = list(options)
    if "--listen" not in options:
        options += ["--listen", f"{'ws' if insecure else 'wss'}://127.0.0.1:0"]
    options += ["--key", str(key)] if key is not None else []
    options += ["--insecure"] if insecure else []
    return AtTerminal(c, name, [c.program("kith-chat"), "--name", name, "--no-discovery", *options], **more)
