# SPDX-License-Identifier: MIT
"""TCP connections between two programs that can be cut, stopped and held up: what stands between them
when a network does its worst."""
import select
import socket
import struct
import threading


class Wire:
    """Listens on a port of its own and copies bytes both ways to another one."""

    def __init__(self, target_port):
        self.target_port = target_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.RLock()
        self.ends = {}        # socket -> the other one
        self.held = set()     # of which nothing is read any more, as if the cable had been pulled
        self.cuts_after = None  # bytes
        self.next_cut = None  # after how many bytes it is cut again: a function, or None
        self.cuts = 0
        self.gate = None      # the first who dials waits there until it opens
        self.connections = 0
        self.is_open = True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def cut_after(self, count):
        """Cuts once so many bytes more have passed, in the middle of whatever they are."""
        with self.lock:
            self.cuts_after = count

    def cut_again_and_again(self, next_cut):
        """Cuts after next_cut() bytes, and so on."""
        with self.lock:
            self.next_cut = next_cut
            self.cuts_after = next_cut()

    def leave_alone(self):
        with self.lock:
            self.next_cut = self.cuts_after = None

    def hold(self):
        """Those that are connected hear nothing of each other any more, not even an end; whoever
        connects from now on is served."""
        with self.lock:
            self.held |= set(self.ends)

    def cut(self):
        with self.lock:
            self.cuts += 1
            for end in list(self.ends):
                # RST, not FIN: nothing that is still on its way arrives.
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.close()
            self.ends.clear()
            self.held.clear()

    def take(self):
        near, _ = self.listener.accept()
        self.connections += 1
        gate, self.gate = self.gate, None
        if gate is not None:
            gate.wait()
        try:
            far = socket.create_connection(("127.0.0.1", self.target_port))
        except OSError:
            near.close()
            return
        self.ends[near], self.ends[far] = far, near

    def end_of(self, end):
        """This connection alone is over."""
        other = self.ends.pop(end)
        del self.ends[other]
        end.close()
        other.close()

    def copy(self, end):
        try:
            piece = end.recv(16384)
            if piece and self.cuts_after is not None:
                piece = piece[:self.cuts_after]
            if piece:
                self.ends[end].sendall(piece)
        except OSError:
            piece = b""
        if self.cuts_after is not None:
            self.cuts_after -= len(piece)
        if self.cuts_after == 0:
            self.cuts_after = self.next_cut() if self.next_cut else None
            self.cut()
        elif not piece:
            self.end_of(end)

    def run(self):
        while self.is_open:
            with self.lock:
                watched = [self.listener, *(end for end in self.ends if end not in self.held)]
            try:
                ready, _, _ = select.select(watched, [], [], 0.05)
            except (OSError, ValueError):
                with self.lock:  # one was closed meanwhile; anything else is a fault of this program
                    assert all(0 <= end.fileno() < 1024 for end in self.ends), "too many descriptors"
                continue
            with self.lock:
                for end in ready:
                    if end is self.listener:
                        self.take()
                    elif end in self.ends and end not in self.held:
                        self.copy(end)

    def close(self):
        self.is_open = False
        self.thread.join()
        self.cut()
        self.listener.close()
