# SPDX-License-Identifier: MIT
"""Machines whose network a case may change: network namespaces, made for the case and gone with it.
Where the system does not permit them to this user, or has no `ip`, the case is skipped."""
import shutil
import subprocess

from harness import Failure, Skipped


class Machine:
    """A network namespace: nothing but a loopback interface, until link_to()."""

    def __init__(self, beside=None):
        """beside: another machine, which this one can be linked to."""
        for tool in ("unshare", "nsenter", "ip"):
            if shutil.which(tool) is None:
                raise Skipped(f"there is no {tool} (apt-get install iproute2 util-linux)")
        argv = ["unshare", "--net", "cat"]
        argv = [*beside.inside(network=False), *argv] if beside else [*argv[:1], "-Ur", *argv[1:]]
        # It lasts as long as this process, which waits for the end of its input.
        self.holder = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, start_new_session=True)
        try:
            self.holder.stdin.write(b"x\n")
            self.holder.stdin.flush()
        except BrokenPipeError:
            pass
        if not self.holder.stdout.readline():  # cat answers from inside
            why = self.holder.stderr.read().decode().strip()
            self.close()
            raise Skipped(f"the system permits no network namespace here: {why}")
        self.ip("link set lo up")

    def inside(self, network=True):
        """How a command line begins that runs there."""
        return ["nsenter", "--target", str(self.holder.pid), "--user", "--preserve-credentials",
                *(["--net"] if network else []), "--"]

    def ip(self, arguments):
        done = subprocess.run([*self.inside(), "ip", *arguments.split()], capture_output=True,
                              text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise Failure(f"ip {arguments}: {done.stderr.strip()}")

    def link_to(self, other, name="v0"):
        """A cable between the two, not plugged in yet: an interface of that name in each."""
        self.ip(f"link add {name} type veth peer name {name} netns {other.holder.pid}")

    def close(self):
        for stream in (self.holder.stdin, self.holder.stdout, self.holder.stderr):
            try:
                stream.close()
            except BrokenPipeError:
                pass
        self.holder.wait(60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Pair:
    """Two machines with a cable between them; both ends are down and without addresses."""

    def __init__(self):
        self.left = Machine()
        try:
            self.right = Machine(beside=self.left)
            self.left.link_to(self.right)
        except BaseException:
            self.left.close()
            raise

    def up(self):
        self.left.ip("addr add 10.9.0.1/24 dev v0")
        self.left.ip("link set v0 up")
        self.right.ip("addr add 10.9.0.2/24 dev v0")
        self.right.ip("link set v0 up")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.right.close()
        self.left.close()
