# SPDX-License-Identifier: MIT
"""A D-Bus and an Avahi daemon of a case's own, inside a machine of network.py. The ones of the system that
runs the tests are neither used nor noticed."""
import re
import shutil
import subprocess

from harness import Failure, Skipped, until

BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={folder}/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/><allow user="*"/>
  </policy>
</busconfig>
"""

DAEMON = """[server]
host-name={host}
use-ipv4=yes
use-ipv6=yes
enable-dbus=yes
[publish]
publish-hinfo=no
publish-workstation=no
"""


class Daemon:
    """Starts when entered."""

    def __init__(self, case, machine, host):
        for tool in ("dbus-daemon", "avahi-daemon", "avahi-browse"):
            if shutil.which(tool, path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
                raise Skipped(f"there is no {tool} (apt-get install avahi-daemon avahi-utils dbus-daemon)")
        self.case = case
        self.machine = machine
        self.host = host
        self.process = self.bus = None

    def inside(self):
        """How a command line begins that runs on the machine and finds the daemon."""
        return [*self.machine.inside(), "env",
                f"DBUS_SYSTEM_BUS_ADDRESS=unix:path={self.case.folder}/bus"]

    def start(self):
        """The daemon keeps its process id below /run, so it has a /run of its own; and that belongs to the user
        avahi, of whom a user namespace may know nothing, so root has that name too."""
        passwd = self.case.write("passwd", "root:x:0:0::/:/bin/sh\navahi:x:0:0::/:/bin/sh\n")
        group = self.case.write("group", "root:x:0:\navahi:x:0:\nnetdev:x:0:\n")
        config = self.case.write("avahi.conf", DAEMON.format(host=self.host))
        self.process = self.case.start(
            *self.inside(), "unshare", "--mount", "sh", "-c",
            'mount -t tmpfs none /run && mount --bind "$1" /etc/passwd && mount --bind "$2" /etc/group && '
            'shift 2 && exec avahi-daemon "$@"', "sh", passwd, group,
            "--no-drop-root", "--no-chroot", "--no-rlimits", "--file", config)
        self.process.expect_line("Server startup complete", stream="stderr")

    def stop(self):
        self.process.send_signal(15)
        self.process.wait_exit()

    def tool(self, name, *arguments):
        return self.case.start(*self.inside(), name, *arguments)

    def until_resolved(self, kind, pattern):
        """Waits for a line of avahi-browse, which asks for details once and gives up after a few seconds."""
        def is_resolved():
            browser = self.tool("avahi-browse", "--parsable", "--resolve", "--terminate", kind)
            browser.wait_exit()
            return any(re.search(pattern, line) for line in browser.stdout)
        until(f"a service like {pattern!r}", is_resolved)

    def ask(self, *arguments):
        done = subprocess.run([*self.inside(), "dbus-send", "--system", "--print-reply=literal", *arguments],
                              capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise Failure(f"dbus-send {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def host_name(self):
        return self.ask("--dest=org.freedesktop.Avahi", "/", "org.freedesktop.Avahi.Server.GetHostNameFqdn")

    def clients(self):
        """Connections to the bus, but for the daemon's own and the one that asks."""
        names = self.ask("--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.ListNames")
        return sum(word.startswith(":") for word in names.split()) - 2

    def __enter__(self):
        config = self.case.write("bus.conf", BUS.format(folder=self.case.folder))
        self.bus = self.case.start(*self.inside(), "dbus-daemon", f"--config-file={config}", "--nofork",
                                   "--print-address")
        self.bus.expect_line("^unix:")
        self.start()
        return self

    def __exit__(self, *_):
        for process in (self.process, self.bus):
            if process is not None and process.popen.poll() is None:
                process.send_signal(15)
                process.wait_exit()
