#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes vectors.h: bytes of the Kith protocol, from core/PROTOCOL.md alone.

A second implementation on purpose: it calls nothing of the library, brings its own Ed25519 (RFC
8032 section 5.1) and needs only Python 3. `make_vectors.py` writes the header beside it, with
--check it says whether the header is what it would write. Slow, not constant-time: for tests only.
"""
import hashlib
import pathlib
import sys

# ---- Ed25519, RFC 8032 section 5.1 --------------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def x_of(y, sign):
    """The x of a point with that y, or None."""
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P != 0:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P != 0 or (x == 0 and sign):
        return None
    return x if x % 2 == sign else P - x


def add(a, b):
    """Sum of two points in affine coordinates."""
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P
    return x, y


def times(n, point):
    total = (0, 1)
    while n > 0:
        if n & 1:
            total = add(total, point)
        point = add(point, point)
        n >>= 1
    return total


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (x_of(BASE_Y, 0), BASE_Y)


def point_bytes(point):
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def secret_of(seed):
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & (2**254 - 8) | 2**254
    return scalar, digest[32:]


def public_of(seed):
    return point_bytes(times(secret_of(seed)[0], BASE))


def number(*pieces):
    return int.from_bytes(hashlib.sha512(b"".join(pieces)).digest(), "little") % ORDER


def sign(seed, text):
    scalar, prefix = secret_of(seed)
    r = number(prefix, text)
    commitment = point_bytes(times(r, BASE))
    s = (r + number(commitment, public_of(seed), text) * scalar) % ORDER
    return commitment + s.to_bytes(32, "little")


def refused_keys():
    """Every encoding of a point of small order, and some that are not canonical."""
    point = None
    for y in range(2, 100):
        x = x_of(y, 0)
        torsion = times(ORDER, (x, y)) if x is not None else (0, 1)
        if times(4, torsion) != (0, 1):
            point = torsion  # of order 8: it makes all of them
            break
    ys = {times(n, point)[1] for n in range(8)}
    ys |= {y + P for y in ys if y + P < 2**255} | {P, P + 1, P + 18, 2**255 - 1}
    return [(y | s << 255).to_bytes(32, "little") for y in sorted(ys) for s in (0, 1)]


# RFC 8032 section 7.1, test 2: is this an Ed25519 at all?
RFC_SEED = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
assert public_of(RFC_SEED).hex().startswith("3d4017c3e843895a92b70aa74d1b7ebc")
assert sign(RFC_SEED, b"\x72").hex().startswith("92a009a9f0d4cab8720e820b5f642540")
assert sign(RFC_SEED, b"\x72").hex().endswith("c387b2eaeb4302aeeb00d291612bb0c00")

# ---- PROTOCOL.md section 1 and 4: integers, frames ----------------------------------------------


def u(value, count):
    return value.to_bytes(count, "big")


def varint(value, count=None):
    """RFC 9000 section 16; count forces a longer form."""
    count = count or next(n for n in (1, 2, 4, 8) if value < 1 << (8 * n - 2))
    return (value | {1: 0, 2: 1, 4: 2, 8: 3}[count] << (8 * count - 2)).to_bytes(count, "big")


def frame(kind, body):
    return varint(kind) + varint(len(body)) + body


HELLO, AUTH, INFO, ADOPT, ADOPTED = 0x02, 0x04, 0x06, 0x08, 0x0A
DATA, CREDIT, CLOSE, PING, PONG = 0x10, 0x12, 0x18, 0x1A, 0x1C
DATAGRAM, BLOCKED, FORGOTTEN = 0x1D, 0x1F, 0x0E

# ---- section 5.1: HELLO --------------------------------------------------------------------------


def sha256(*pieces):
    return hashlib.sha256(b"".join(pieces)).digest()


def session_tag(nonce, name):
    return sha256(b"kith session", b"\0", nonce, name)[:16]


def want_tag(nonce, peer_id):
    return sha256(b"kith want", b"\0", nonce, peer_id)[:16]


def id_of(key):
    raw = bytearray(sha256(key)[:16])
    raw[6] = raw[6] & 0x0F | 0x80
    raw[8] = raw[8] & 0x3F | 0x80
    return bytes(raw)


def hello(role, secure, key, incarnation, nonce, session, want):
    return (b"\x4b\x49\x54\x48" + u(1, 1) + u(1, 1) + u(role, 1) + u(1 if secure else 0, 1)
            + u(1 if secure else 0, 1) + u(1 if secure else 0, 1) + u(3 if secure else 1, 1)
            + u(0, 1) + u(0x0304 if secure else 0, 2) + u(0x1301 if secure else 0, 2) + key
            + incarnation + nonce + session_tag(nonce, session)
            + (want_tag(nonce, want) if want else bytes(16)) + bytes(16))


# ---- section 5.2: AUTH ---------------------------------------------------------------------------


def auth(seed, dialer, hellos, binding, claim=(0, 0, 0), extensions=b"", version=1):
    kind = 1 if binding else 0
    body = (u(claim[0], 8) + u(claim[1], 8) + u(claim[2], 1) + u(version, 1) + u(kind, 1) + u(0, 4)
            + u(0x00400000, 4) + u(0x0000000001000000, 8) + u(8, 2) + u(0, 4) + extensions)
    label = b"Kith link AUTH v1 " + (b"dialer" if dialer else b"acceptor")
    text = b"\x20" * 64 + label + b"\0" + sha256(
        u(136, 2), hellos[0], u(136, 2), hellos[1], u(1, 1), u(kind, 1), u(len(binding), 2),
        binding, bytes(32), bytes(32), u(len(body), 2), body)
    return body + sign(seed, text)


# ---- sections 5.3 to 5.9 -------------------------------------------------------------------------


def info(name, extensions=b""):
    return u(len(name), 1) + name + extensions


def table(lanes):
    return varint(8) + varint(len(lanes)) + b"".join(b"".join(map(varint, lane)) for lane in lanes)


def adopt(generation, since, fresh, lanes):
    return varint(generation) + varint(since) + u(fresh, 1) + table(lanes)


def adopted(generation, since, lanes):
    return varint(generation) + varint(since) + table(lanes)


def data(lane, offset, fin, payload):
    return varint(lane) + varint(offset) + u(fin, 1) + payload


def record(message):
    return varint(len(message)) + message


def credit(lane, received, consumed, limit):
    return b"".join(map(varint, (lane, received, consumed, limit)))


def claim(since, generation, alive):
    return (b"\x81\x00\x11" + since.to_bytes(8, "big") + generation.to_bytes(8, "big")
            + bytes([alive]))


def blocked(lane, limit):
    return varint(lane) + varint(limit)


def close(reason, text=b""):
    return varint(reason) + text


# ---- the cases -----------------------------------------------------------------------------------

DIALER_SEED, ACCEPTOR_SEED = bytes(range(32)), bytes(range(32, 64))
DIALER_KEY, ACCEPTOR_KEY = public_of(DIALER_SEED), public_of(ACCEPTOR_SEED)
DIALER_INCARNATION, ACCEPTOR_INCARNATION = bytes(range(0xA0, 0xA8)), bytes(range(0xB0, 0xB8))
DIALER_NONCE, ACCEPTOR_NONCE = bytes(range(64, 96)), bytes(range(96, 128))
SESSION = "Löwe's den".encode()
BINDING = sha256(b"some exporter")
FRESH_LANES = [(lane, 0, 0, 1 << 20) for lane in range(8)]
MOVED_LANES = [(0, 63, 63, 64), (1, 16384, 16383, 1 << 30), (7, 2**62 - 1, 0, 2**62 - 1)]


def header():
    out = ["/* SPDX-License-Identifier: MIT", " *",
           " * vectors.h: bytes of the protocol as a second implementation writes them. Made by",
           " * make_vectors.py from core/PROTOCOL.md; do not edit. What each is: vectors_test.c.",
           " */", "#ifndef KITH_TESTS_VECTORS_H", "#define KITH_TESTS_VECTORS_H", "",
           "#include <stddef.h>", "#include <stdint.h>", "",
           "/* clang-format off */", ""]

    def rows(raw):
        for at in range(0, len(raw), 16):
            yield "    " + " ".join(f"0x{byte:02x}," for byte in raw[at:at + 16])

    def array(name, raw):
        out.extend([f"static const uint8_t vector_{name}[{len(raw)}] = {{", *rows(raw), "};", ""])

    plain = (hello(0, False, DIALER_KEY, DIALER_INCARNATION, DIALER_NONCE, SESSION, None),
             hello(0, False, ACCEPTOR_KEY, ACCEPTOR_INCARNATION, ACCEPTOR_NONCE, SESSION, None))
    secure = (hello(2, True, DIALER_KEY, DIALER_INCARNATION, DIALER_NONCE, SESSION,
                    id_of(ACCEPTOR_KEY)),
              hello(1, True, ACCEPTOR_KEY, ACCEPTOR_INCARNATION, ACCEPTOR_NONCE, SESSION, None))
    for name, raw in (
            ("dialer_seed", DIALER_SEED), ("acceptor_seed", ACCEPTOR_SEED),
            ("dialer_key", DIALER_KEY), ("acceptor_key", ACCEPTOR_KEY),
            ("dialer_id", id_of(DIALER_KEY)), ("acceptor_id", id_of(ACCEPTOR_KEY)),
            ("dialer_incarnation", DIALER_INCARNATION),
            ("acceptor_incarnation", ACCEPTOR_INCARNATION),
            ("dialer_nonce", DIALER_NONCE), ("acceptor_nonce", ACCEPTOR_NONCE),
            ("session_name", SESSION + b"\0"), ("session_tag", session_tag(DIALER_NONCE, SESSION)),
            ("want_tag", want_tag(DIALER_NONCE, id_of(ACCEPTOR_KEY))), ("binding", BINDING),
            ("hello_plain_dialer", plain[0]), ("hello_plain_acceptor", plain[1]),
            ("hello_secure_dialer", secure[0]), ("hello_secure_acceptor", secure[1]),
            ("auth_plain_dialer", auth(DIALER_SEED, True, plain, b"")),
            ("auth_plain_acceptor", auth(ACCEPTOR_SEED, False, plain, b"")),
            ("auth_secure_dialer", auth(DIALER_SEED, True, secure, BINDING, (5, 7, 1))),
            ("auth_secure_acceptor", auth(ACCEPTOR_SEED, False, secure, BINDING)),
            # Rightly signed, so that only their contents can be the reason to refuse them.
            ("auth_extended", auth(DIALER_SEED, True, secure, BINDING, (0, 0, 0),
                                   b"\x80\x00\x03abc" + b"\xff\x00\x00")),
            ("auth_unknown_extension", auth(DIALER_SEED, True, secure, BINDING, (0, 0, 0),
                                            b"\x7f\x00\x01x")),
            ("auth_cut_extension", auth(DIALER_SEED, True, secure, BINDING, (0, 0, 0),
                                        b"\x80\x00\x02x")),
            ("auth_wrong_version", auth(DIALER_SEED, True, secure, BINDING, version=2)),
            ("auth_bad_claim", auth(DIALER_SEED, True, secure, BINDING, (8, 7, 1))),
            ("auth_bad_alive", auth(DIALER_SEED, True, secure, BINDING, (7, 7, 2))),
            ("auth_large_s", (lambda whole: whole[:-32] + (
                int.from_bytes(whole[-32:], "little") + ORDER).to_bytes(32, "little"))(
                    auth(DIALER_SEED, True, secure, BINDING, (5, 7, 1)))),
            ("info", info("Ünal".encode())),
            ("info_extended", info(b"n" * 63, b"\x80\x00\x02\x00\x01" + b"\x90\x00\x00")),
            ("adopt", adopt(9, 9, 1, FRESH_LANES)), ("adopted", adopted(9, 9, FRESH_LANES)),
            ("adopt_moved", adopt(2**62 - 1, 16384, 0, MOVED_LANES)),
            ("adopted_empty", adopted(64, 1, [])),
            ("credit", credit(3, 70000, 69000, 1100000)), ("credit_zero", credit(0, 0, 0, 0)),
            ("info_claim", info("Ünal".encode(), claim(5, 7, 1))),
            ("info_bad_claim", info("Ünal".encode(), claim(8, 7, 1))),
            ("forgotten", varint(16384)),
            ("blocked", blocked(7, 65536)), ("blocked_zero", blocked(0, 0)),
            ("close", close(5, "geh weg — 走開".encode())), ("close_bare", close(1)),
            ("data", data(0, 0, 0, record(b"hello"))),
            ("data_far", data(7, 2**40 + 3, 0, record(bytes(300)))),
            ("data_end", data(2, 5, 1, b"")), ("ping", bytes(range(0xC0, 0xC8)))):
        array(name, raw)

    whole = [("HELLO", frame(HELLO, secure[0])),
             ("AUTH", frame(AUTH, auth(DIALER_SEED, True, secure, BINDING, (5, 7, 1)))),
             ("INFO", frame(INFO, info("Ünal".encode()))),
             ("ADOPT", frame(ADOPT, adopt(9, 9, 1, FRESH_LANES))),
             ("ADOPTED", frame(ADOPTED, adopted(9, 9, FRESH_LANES))),
             ("DATA", frame(DATA, data(7, 2**40 + 3, 0, record(bytes(300))))),
             ("CREDIT", frame(CREDIT, credit(3, 70000, 69000, 1100000))),
             ("FORGOTTEN", frame(FORGOTTEN, varint(16384))),
             ("BLOCKED", frame(BLOCKED, blocked(7, 65536))),
             ("DATAGRAM", frame(DATAGRAM, b"now or never")),
             ("PING", frame(PING, bytes(range(0xC0, 0xC8)))),
             ("PONG", frame(PONG, bytes(range(0xC0, 0xC8)))),
             ("CLOSE", frame(CLOSE, close(5, "geh weg — 走開".encode())))]
    for name, raw in whole:
        array("frame_" + name.lower(), raw)
    out.append("/* One frame of every type, in the order of a conversation. */")
    out.append("static const struct {\n    const char *name;\n    const uint8_t *bytes;\n"
               f"    size_t count;\n}} vector_frames[{len(whole)}] = {{")
    out.extend(f'    {{"{name}", vector_frame_{name.lower()}, {len(raw)}}},' for name, raw in whole)
    out.extend(["};", "",
                "/* Values of variable length; `longer` is a longer form that is allowed. */",
                "static const struct {\n    uint64_t value;\n    size_t count;\n"
                "    uint8_t bytes[8], longer[8];\n} vector_varints[] = {"])
    for value in (0, 1, 63, 64, 16383, 16384, 2**30 - 1, 2**30, 2**32, 2**62 - 1, 494878333, 15293):
        raw = varint(value)
        out.append("    {UINT64_C(%d), %d,\n     {%s},\n     {%s}}," % (
            value, len(raw), ", ".join(f"0x{b:02x}" for b in raw),
            ", ".join(f"0x{b:02x}" for b in varint(value, 8))))
    out.extend(["};", "", "/* Public keys that must be refused. */"])
    keys = refused_keys()
    out.append(f"static const uint8_t vector_refused_keys[{len(keys)}][32] = {{")
    for key in keys:
        out.extend(["    {", *rows(key), "    },"])
    out.extend(["};", "", "#endif", ""])
    return "\n".join(out)


def main():
    path = pathlib.Path(__file__).with_name("vectors.h")
    text = header()
    if sys.argv[1:] == ["--check"]:
        if path.read_text(encoding="utf-8") != text:
            print(f"not ok: {path.name} is not what {pathlib.Path(__file__).name} makes; run it")
            return 1
        print(f"ok: {path.name} is up to date")
        return 0
    if sys.argv[1:]:
        print(__doc__)
        return 2
    path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
