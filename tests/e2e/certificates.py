# SPDX-License-Identifier: MIT
"""Certificates for the cases, made by openssl: CAs and what they vouch for. Keys are new in each case and
go with its folder."""
import datetime
import re
import subprocess

from harness import DEADLINE_S, check

CONFIG = """
[ca]
default_ca = here
[here]
dir = .
database = index
serial = serial
new_certs_dir = .
default_md = default
policy = any
unique_subject = no
copy_extensions = copyall
x509_extensions = leaf
[any]
commonName = supplied
[leaf]
basicConstraints = CA:FALSE
"""


class Pair:
    """A certificate and its private key, as files."""

    def __init__(self, cert, key):
        self.cert, self.key = str(cert), str(key)

    def options(self):
        return "--cert", self.cert, "--cert-key", self.key

    def sha256(self):
        shown = subprocess.run(["openssl", "x509", "-in", self.cert, "-noout", "-fingerprint", "-sha256"],
                               capture_output=True, text=True, check=True, timeout=DEADLINE_S).stdout
        return shown.strip().split("=")[1].replace(":", "").lower()


def openssl(c, *arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], cwd=c.folder, capture_output=True, text=True,
                          timeout=DEADLINE_S)
    check(done.returncode == 0, f"openssl {arguments[0]}: {done.stderr[-500:]}")
    return done.stdout


def alone(c, name, host="IP:127.0.0.1"):
    """One that vouches for itself."""
    pair = Pair(c.folder / f"{name}.pem", c.folder / f"{name}.key")
    openssl(c, "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", 30, "-subj", f"/CN={name}",
            "-addext", f"subjectAltName={host}", "-addext", "basicConstraints=critical,CA:FALSE",
            "-keyout", pair.key, "-out", pair.cert)
    return pair


class Authority:
    def __init__(self, c, name="root"):
        self.c = c
        self.pair = Pair(c.folder / f"{name}.pem", c.folder / f"{name}.key")
        self.file = self.pair.cert
        openssl(c, "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", 60, "-subj", f"/CN={name}",
                "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", self.pair.key,
                "-out", self.pair.cert)
        (c.folder / "ca.conf").write_text(CONFIG)
        (c.folder / "index").write_text("")
        (c.folder / "serial").write_text("1000\n")

    def leaf(self, name, host="IP:127.0.0.1", first_day=-1, last_day=30):
        """Days are counted from today."""
        pair = Pair(self.c.folder / f"{name}.pem", self.c.folder / f"{name}.key")
        request = self.c.folder / f"{name}.csr"
        now = datetime.datetime.now(datetime.timezone.utc)
        first, last = ((now + datetime.timedelta(days=days)).strftime("%Y%m%d%H%M%SZ")
                       for days in (first_day, last_day))
        openssl(self.c, "req", "-new", "-newkey", "ed25519", "-nodes", "-subj", f"/CN={name}", "-addext",
                f"subjectAltName={host}", "-keyout", pair.key, "-out", request)
        openssl(self.c, "ca", "-batch", "-config", "ca.conf", "-cert", self.pair.cert, "-keyfile",
                self.pair.key, "-startdate", first, "-enddate", last, "-notext", "-in", request,
                "-out", pair.cert)
        return pair


def grouped(text):
    """The hex digits of a fingerprint that is shown in groups."""
    return re.sub(r"[^0-9a-f]", "", text)
