# SPDX-License-Identifier: MIT
"""What the end-to-end cases are made of: processes that are waited for by what they say, each wait
with a deadline. Nothing here sleeps, and only processes that were started here are ever signalled."""
import contextlib
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import schema

# Of one wait. None takes a tenth of it where nothing hangs, and none is there to measure time: what is
# to come at once has another reason or status than what comes after a time-out.
DEADLINE_S = 60.0
BIN = None         # the folder of the programs, a pathlib.Path; set by run.py
LOG_LINES_MAX = 60

SANITIZER = re.compile(r"ERROR: \w+Sanitizer|runtime error:|WARNING: ThreadSanitizer")


class Failure(Exception):
    """A case did not go as it must."""


class Skipped(Exception):
    """A case needs what this machine does not have or permit."""


# ---- cases ------------------------------------------------------------------------------------------

CASES = {}


LONG_CASES = {}  # those that run.py --long runs


def register(table, function):
    name = function.__name__
    assert name not in CASES and name not in LONG_CASES, f"two cases are called {name}"
    table[name] = function
    return function


def case(function):
    """Registers a function as a case; it is called with a Case."""
    return register(CASES, function)


def long_case(function):
    """Registers one that takes more than 20 s."""
    return register(LONG_CASES, function)


class Case:
    """One run of a case: its folder, its processes, and what they did wrong on the way."""

    def __init__(self, name):
        self.name = name
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kith-e2e-"))
        self.processes = []
        self.problems = []
        self.notes = []  # what was measured; shown, and never decides anything

    def program(self, name):
        path = BIN / name
        if not path.exists():
            raise Failure(f"{path} is missing: build it first")
        return str(path)

    def chat(self, name, *options, key=None, insecure=False, json_mode=True, discovery=False,
             inside=(), program="kith-chat", **more):
        """Starts a kith-chat. It listens on 127.0.0.1 unless the options say where, or it is a client, or
        has nothing to show to who would connect. It finds nobody by itself unless discovery is the name of
        a service that no other case uses. inside: a command that runs it somewhere else."""
        options = list(options)
        is_seen = "client" not in options and (key is not None or insecure or "--cert" in options)
        if is_seen and "--listen" not in options:
            options += ["--listen", f"{'ws' if insecure else 'wss'}://127.0.0.1:0"]
        if key is not None:
            options += ["--key", str(key)]
        if insecure:
            options += ["--insecure"]
        options += ["--service", discovery] if discovery else ["--no-discovery"]
        if json_mode:
            options += ["--json"]
        argv = [*inside, self.program(program), "--name", name, *options]
        return (Chat if json_mode else Process)(self, name, argv, **more)

    def start(self, program, *arguments, kind=None, **more):
        """Starts somebody else's program, which is looked for where the system has them."""
        if not shutil.which(program):
            raise Failure(f"{program} is not installed; tests/run does that")
        return (kind or Process)(self, program, [program, *map(str, arguments)], **more)

    def run(self, *arguments, program="kith-chat", **more):
        """Runs a program to its end with empty input; gives the process."""
        process = Process(self, program, [self.program(program), *map(str, arguments)], **more)
        process.close_input()
        process.wait_exit()
        return process

    def new_key(self, name="team.key"):
        path = self.folder / name
        made = self.run("--new-key", path)
        check(made.status == 0, f"--new-key ended with {made.status}: {made.stderr_text()}")
        return path

    def write(self, name, text, mode=0o600):
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def finish(self):
        """Ends what still runs and takes away the folder."""
        for process in self.processes:
            process.end()
        for process in self.processes:
            found = SANITIZER.search(process.stderr_text())
            if found:
                self.problems.append(f"{process.name}: {found.group()}")
            if process.status is not None and process.status < 0 and not process.was_signalled:
                name = signal.Signals(-process.status).name
                self.problems.append(f"{process.name} died of {name}")
        shutil.rmtree(self.folder, ignore_errors=True)

    def logs(self):
        """What the processes said, for whoever has to find out what happened."""
        for process in self.processes:
            yield f"-- {process.name} (pid {process.pid}, status {process.status}): {process.command}"
            for stream, lines in (("out", process.stdout), ("err", process.stderr)):
                if len(lines) > LOG_LINES_MAX:
                    yield f"   {stream}: … {len(lines) - LOG_LINES_MAX} lines before"
                for line in lines[-LOG_LINES_MAX:]:
                    yield f"   {stream}: {line[:400]}"


def check(condition, message):
    if not condition:
        raise Failure(message)


def until(what, is_so):
    """Asks again and again until it is so. For what nobody tells: asking is to take some time by itself."""
    end = time.monotonic() + DEADLINE_S
    while not is_so():
        check(time.monotonic() < end, f"{what}: not in {DEADLINE_S} s")


# ---- processes --------------------------------------------------------------------------------------

class Process:
    """A program, and every line that it has said so far."""

    def __init__(self, owner, name, argv, stdout=None, typed=None):
        """stdout: a descriptor to write to instead of being read here. typed: all of its input, a
        few lines that are there before it starts."""
        self.owner = owner
        self.name = name
        self.command = " ".join(argv)
        self.stdout = []
        self.stderr = []
        self.status = None
        self.was_signalled = False
        self.changed = threading.Condition()
        self.writers = []
        stdin = subprocess.PIPE
        if typed is not None:
            stdin, write_end = os.pipe()
            os.write(write_end, typed)
            os.close(write_end)
        self.popen = subprocess.Popen(
            argv, stdin=stdin, stdout=stdout or subprocess.PIPE, stderr=subprocess.PIPE,
            cwd=owner.folder, start_new_session=True)
        if typed is not None:
            os.close(stdin)
        self.pid = self.popen.pid
        owner.processes.append(self)
        streams = [(self.popen.stderr, self.take_stderr)]
        if stdout is None:
            streams.append((self.popen.stdout, self.take_stdout))
        self.readers = [threading.Thread(target=self.read, args=stream, daemon=True)
                        for stream in streams]
        for reader in self.readers:
            reader.start()

    def read(self, stream, take):
        for raw in stream:
            with self.changed:
                take(raw.decode("utf-8", "replace").rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def take_stdout(self, line):
        self.stdout.append(line)

    def take_stderr(self, line):
        self.stderr.append(line)

    def stdout_text(self):
        return "\n".join(self.stdout)

    def stderr_text(self):
        return "\n".join(self.stderr)

    def wait(self, what, find, deadline_s=None, moves=None, look_again_s=1.0):
        """Waits until find() gives something true, and gives it. moves: while that gives something else
        now and then, nothing hangs, and the deadline is put off. look_again_s: how often to look at what
        changes without a word of the process."""
        begun, seen = time.monotonic(), None
        with self.changed:
            while True:
                found = find()
                if found:
                    return found
                if moves is not None and moves() != seen:
                    begun, seen = time.monotonic(), moves()
                is_over = not any(reader.is_alive() for reader in self.readers)
                left = begun + (deadline_s or DEADLINE_S) - time.monotonic()
                if is_over:
                    # Its streams have ended: nothing more will be said.
                    raise Failure(f"{self.name} ended before {what}")
                if left <= 0:
                    raise Failure(f"{self.name}: {what} did not happen in {deadline_s or DEADLINE_S} s")
                self.changed.wait(min(left, look_again_s))

    def expect_line(self, pattern, stream="stdout", deadline_s=None):
        """Waits for a line that matches a regular expression; gives the match."""
        compiled = re.compile(pattern)
        lines = getattr(self, stream)

        def find():
            return next(filter(None, map(compiled.search, lines)), None)
        return self.wait(f"a line on {stream} like {pattern!r}", find, deadline_s)

    def write(self, data):
        """Writes to its input; a large amount needs start_writing(). Whoever has ended by then hears it
        no more: what is expected of it next tells whether it might."""
        try:
            self.popen.stdin.write(data)
            self.popen.stdin.flush()
        except BrokenPipeError:
            pass

    def say(self, text):
        self.write(text.encode() + b"\n")

    def start_writing(self, data, then_close=True):
        """Writes in the background, so that back pressure does not stop the case."""
        def work():
            try:
                self.write(data)
                if then_close:
                    self.popen.stdin.close()
            except (BrokenPipeError, ValueError):  # it has ended, or was ended
                pass
        writer = threading.Thread(target=work, daemon=True)
        self.writers.append(writer)
        writer.start()

    def close_input(self):
        try:
            self.popen.stdin.close()
        except BrokenPipeError:
            pass

    def send_signal(self, number):
        self.was_signalled = True
        self.popen.send_signal(number)

    def wait_exit(self, deadline_s=None):
        """Waits for its end and for everything it said; gives the exit status."""
        try:
            self.status = self.popen.wait(deadline_s or DEADLINE_S)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not end in {deadline_s or DEADLINE_S} s") from None
        for reader in self.readers:
            reader.join(DEADLINE_S)
        return self.status

    def expect_exit(self, status=0, deadline_s=None):
        got = self.wait_exit(deadline_s)
        check(got == status, f"{self.name} ended with status {got} instead of {status}: "
                             f"{self.stderr_text()[-300:]}")

    def leave(self):
        """Ends its input; it must leave and end well."""
        self.close_input()
        self.expect_exit(0)

    def end(self):
        """Ends it if it still runs."""
        if self.popen.poll() is None:
            self.was_signalled = True
            self.popen.kill()
        self.status = self.popen.wait()
        for reader in self.readers:
            reader.join(DEADLINE_S)
        for stream in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            try:
                if stream:
                    stream.close()
            except BrokenPipeError:
                pass


class Chat(Process):
    """A kith-chat with --json: its events, each held against EVENTS.md as it comes."""

    def __init__(self, *arguments, **more):
        self.events = []
        self.of_kind = {}  # event → those of that kind: some cases have tens of thousands
        self.heard = {}    # name → texts
        super().__init__(*arguments, **more)

    def take_stdout(self, line):
        super().take_stdout(line)
        try:
            event = json.loads(line)
        except ValueError:
            self.owner.problems.append(f"{self.name} wrote a line that is no JSON: {line[:200]!r}")
            return
        for problem in schema.problems_of(event):
            self.owner.problems.append(f"{self.name}: {problem}: {line[:200]}")
        if self.events and event["t_ms"] < self.events[-1]["t_ms"]:
            self.owner.problems.append(f"{self.name}: t_ms went back: {line[:200]}")
        self.events.append(event)
        self.of_kind.setdefault(event.get("event"), []).append(event)
        if event.get("event") == "message":
            self.heard.setdefault(event["name"], []).append(event["text"])

    def all(self, event, **fields):
        """Every event so far of that kind with those members."""
        return [e for e in list(self.of_kind.get(event, ()))
                if all(e.get(k) == v for k, v in fields.items())]

    def expect(self, event, count=1, deadline_s=None, **fields):
        """Waits until there are count events of that kind with those members; gives the last."""
        def find():
            found = self.all(event, **fields)
            return found[count - 1] if len(found) >= count else None
        return self.wait(f"{count} × {event} {fields or ''}", find, deadline_s)

    def url(self):
        return self.expect("listening")["url"]

    def port(self):
        return int(self.url().rsplit(":", 1)[1])

    def expect_peer(self, other, state="connected", **more):
        return self.expect("peer", name=other, state=state, **more)

    def texts(self, sender):
        return list(self.heard.get(sender, ()))

    def wait_texts(self, sender, count):
        """Waits for so many messages. Many take their time; what may not take a minute is the next one."""
        def heard():
            return len(self.heard.get(sender, ()))
        self.wait(f"{count} messages from {sender}", lambda: heard() >= count, moves=heard)

    def wait_all(self, count, *kinds):
        """Waits for so many events of these kinds together; likewise."""
        def come():
            return sum(len(self.of_kind.get(kind, ())) for kind in kinds)
        self.wait(f"{count} × {' or '.join(kinds)}", lambda: come() >= count, moves=come)

    def expect_texts(self, sender, texts):
        """Waits for as many messages, which must be exactly these, in this order."""
        self.wait_texts(sender, len(texts))
        got = self.texts(sender)
        check(got == texts, f"{self.name} got other messages from {sender} than were sent: "
                            f"{len(got)} instead of {len(texts)}, or in another order")


@contextlib.contextmanager
def standing_still(*processes):
    """They find all at once what happens meanwhile. Where nobody listens at a peer's address for two seconds
    it is gone, and how long a program takes to start is not for a case to say."""
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)


# ---- ports and sockets ------------------------------------------------------------------------------

_ports_given = {}  # port → the lock that keeps other runs of this program from taking it as well
_ports_lock = threading.Lock()


def ports_not_given_by_system():
    """Below or above those that the system takes for whoever asks for any."""
    try:
        text = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text()
        low, high = map(int, text.split())
    except (OSError, ValueError):
        low, high = 32768, 60999
    outside = [port for port in range(10000, 65536) if not low <= port <= high]
    return outside if len(outside) > 1000 else range(10000, 65536)


def free_port():
    """A port on 127.0.0.1 that is free now and stays so: the system gives it to nobody by itself, and
    no other run of these cases on this machine takes it while this one lasts."""
    with _ports_lock:
        ports = ports_not_given_by_system()
        while True:
            port = random.choice(ports)
            if port in _ports_given:
                continue
            lock = socket.socket(socket.AF_UNIX)
            try:
                if sys.platform == "linux":  # a name of no file, gone with this process
                    lock.bind(f"\0kith-e2e-port-{port}")
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            except OSError:
                lock.close()
                continue
            _ports_given[port] = lock
            return port


HANDSHAKE_S = 10  # Kith's default: whoever has not finished by then is sent away
STRANGER_TRIES = 5


def as_stranger(talk):
    """Runs talk(), which connects and never becomes a peer. Where that took so long that it may have
    been sent away for its slowness, it is no finding: again."""
    for left in reversed(range(STRANGER_TRIES)):
        start = time.monotonic()
        try:
            return talk()
        except (Failure, OSError):
            if left == 0 or time.monotonic() - start < HANDSHAKE_S:
                raise


_stranger_numbers = itertools.count()


def stranger_connect(port, deadline_s=None):
    """A connection from an address of its own, as far as there are any: a session lets few in from
    where connections do nothing but fail."""
    number = next(_stranger_numbers) % 60000
    source = f"127.1.{number // 250}.{number % 250 + 1}" if sys.platform == "linux" else "127.0.0.1"
    return socket.create_connection(("127.0.0.1", port), deadline_s or DEADLINE_S, (source, 0))


def talk_raw(port, data, deadline_s=None):
    """Connects, sends bytes, and gives all that comes back until the other side closes. No close
    within the deadline is a failure."""
    with stranger_connect(port, deadline_s) as raw:
        raw.settimeout(deadline_s or DEADLINE_S)
        got = b""
        try:
            raw.sendall(data)
            while chunk := raw.recv(65536):
                got += chunk
        except (ConnectionResetError, BrokenPipeError):
            pass
        except TimeoutError:
            raise Failure(f"port {port} kept a stranger's connection open") from None
        return got


class Server:
    """A TCP server on 127.0.0.1 whose every connection is handled by a function in a thread."""

    def __init__(self, handle):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.handle = handle
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(DEADLINE_S)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection:
            try:
                self.handle(connection)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Closing alone would leave the accepting thread in its call.
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        finally:
            self.listener.close()
