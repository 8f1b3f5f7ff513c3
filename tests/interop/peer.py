#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A peer of the Kith protocol for Python, without encryption: the package `websockets`, and the second
implementation of core/PROTOCOL.md that makes the vectors of the unit tests, here with somebody at the
other end. Its command line and what it prints are those of peer.js; it knows no keys.

    peer.py URL SESSION NAME [--above ID | --below ID]
"""
import asyncio
import json
import os
import pathlib
import sys

import websockets

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "unit"))
import make_vectors as kith  # noqa: E402  (found through the path above)

LANES, WINDOW, REASON_LEFT = 8, 65536, 1


def report(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def check(condition, why):
    if not condition:
        sys.exit(f"peer.py: {why}")


def format_id(raw):
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def point_of(key):
    y = int.from_bytes(key, "little")
    return kith.x_of(y & (2**255 - 1), y >> 255), y & (2**255 - 1)


def verifies(key, text, signature):
    """RFC 8032 section 5.1.7."""
    point, commitment = point_of(key), point_of(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if None in (point[0], commitment[0]) or s >= kith.ORDER:
        return False
    k = kith.number(signature[:32], key, text)
    return kith.times(s, kith.BASE) == kith.add(commitment, kith.times(k, point))


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def left(self):
        return len(self.data) - self.at

    def take(self, count):
        check(count <= self.left(), "a body is too short")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, count):
        return int.from_bytes(self.take(count), "big")

    def varint(self):
        """RFC 9000 section 16; None where it is not all there."""
        count = 1 << (self.data[self.at] >> 6) if self.left() else 1
        return self.number(count) & ((1 << (8 * count - 2)) - 1) if self.left() >= count else None


class Link:
    def __init__(self, socket, session, name, is_wanted):
        self.socket, self.session, self.name = socket, session.encode(), name.encode()
        while True:
            self.seed = os.urandom(32)
            self.key = kith.public_of(self.seed)
            self.id = kith.id_of(self.key)
            if is_wanted(self.id):
                break
        self.state = kith.HELLO
        self.incoming = b""
        self.lanes = [[0, b""] for _ in range(LANES)]  # received, and what is no whole message yet
        self.sent = self.limit = 0
        self.is_used = False
        self.waiting = []

    async def send(self, kind, body):
        await self.socket.send(kith.frame(kind, body))

    async def run(self):
        nonce, incarnation = os.urandom(32), os.urandom(8)
        self.hello = kith.hello(0, False, self.key, incarnation, nonce, self.session, None)
        await self.send(kith.HELLO, self.hello)
        async for data in self.socket:
            check(isinstance(data, bytes), "a text message")
            self.incoming += data
            await self.take_frames()

    async def take_frames(self):
        while True:
            reader = Reader(self.incoming)
            kind = reader.varint()
            length = reader.varint() if kind is not None else None
            if length is None or reader.left() < length:
                return
            body = reader.take(length)
            self.incoming = self.incoming[reader.at:]
            await self.take(kind, body)

    async def take(self, kind, body):
        reader = Reader(body)
        if kind == kith.CLOSE:
            report("close", reason=reader.varint(), text=reader.take(reader.left()).decode())
        elif self.state is not None:
            check(kind == self.state, f"a frame of type {kind} while waiting for {self.state}")
            await {kith.HELLO: self.take_hello, kith.AUTH: self.take_auth, kith.INFO: self.take_info}[kind](body)
        elif kind == kith.ADOPT:
            generation, since, fresh = reader.varint(), reader.varint(), reader.number(1)
            check(fresh == 1 and 1 <= since <= generation, "a first ADOPT is fresh")
            await self.send(kith.ADOPTED, kith.adopted(generation, since, self.fresh_lanes()))
            await self.take_table(reader)
        elif kind == kith.ADOPTED:
            check((reader.varint(), reader.varint()) == (1, 1), "another generation")
            await self.take_table(reader)
        elif kind == kith.DATA:
            await self.take_data(reader)
        elif kind == kith.CREDIT:
            await self.take_credit(reader)
        elif kind == kith.PING:
            await self.send(kith.PONG, body)
        else:
            check(kind % 2 == 1, f"a frame of type {kind}")

    async def take_hello(self, body):
        check(len(body) == 136 and body[:4] == b"KITH" and body[4] <= 1 <= body[5], "no HELLO of version 1")
        # Role star, channel plain, best none, no binding, any level, no flags, no TLS.
        check(body[6:9] == bytes(3) and body[9] & 1 == 0 and body[11:16] == bytes(5), "another channel")
        self.their_key, self.their_hello = body[16:48], body
        check(body[88:104] == kith.session_tag(body[56:88], self.session), "the session tag")
        check(body[104:] == bytes(32), "somebody else is wanted, or reserved bytes")
        self.state = kith.AUTH
        report("hello", id=format_id(kith.id_of(self.their_key)), version=0)

    async def take_auth(self, body):
        unsigned, signature = body[:-64], body[-64:]
        text = b"\x20" * 64 + b"Kith link AUTH v1 acceptor\0" + kith.sha256(
            kith.u(136, 2), self.hello, kith.u(136, 2), self.their_hello, kith.u(1, 1), kith.u(0, 1),
            kith.u(0, 2), bytes(64), kith.u(len(unsigned), 2), unsigned)
        check(verifies(self.their_key, text, signature), "the signature does not verify")
        check(unsigned[17] == 1 and unsigned[18] == 0, "the version or the binding type")
        self.state = kith.INFO
        await self.send(kith.AUTH, kith.auth(self.seed, True, (self.hello, self.their_hello), b""))
        await self.send(kith.INFO, kith.info(self.name))

    async def take_info(self, body):
        self.state = None
        is_arbiter = self.id > kith.id_of(self.their_key)
        report("info", name=body[1:1 + body[0]].decode(), arbiter=is_arbiter)
        if is_arbiter:
            await self.send(kith.ADOPT, kith.adopt(1, 1, 1, self.fresh_lanes()))

    @staticmethod
    def fresh_lanes():
        return [(lane, 0, 0, WINDOW) for lane in range(LANES)]

    async def take_table(self, reader):
        check(reader.varint() >= LANES, "the next lane")
        for _ in range(reader.varint()):
            await self.take_credit(reader)
        check(reader.left() == 0, "bytes behind the table")
        self.is_used = True
        report("connected")
        await self.flush()

    async def take_data(self, reader):
        number, offset, flags = reader.varint(), reader.varint(), reader.number(1)
        lane = self.lanes[number]
        check(offset == lane[0] and flags == 0, "DATA out of place")
        data = reader.take(reader.left())
        lane[0] += len(data)
        lane[1] += data
        while True:
            record = Reader(lane[1])
            length = record.varint()
            if length is None or record.left() < length:
                break
            report("message", text=record.take(length).decode())
            lane[1] = lane[1][record.at:]
        consumed = lane[0] - len(lane[1])
        await self.send(kith.CREDIT, kith.credit(number, lane[0], consumed, consumed + WINDOW))

    async def take_credit(self, reader):
        lane, received, consumed, limit = (reader.varint() for _ in range(4))
        check(consumed <= received <= limit, "CREDIT out of order")
        if lane == 0:
            check(received <= self.sent, "credit for what was never sent")
            self.limit = max(self.limit, limit)
            if consumed == self.sent > 0:
                report("delivered", bytes=consumed)
            await self.flush()

    async def say(self, text):
        self.waiting.append(kith.record(text))
        await self.flush()

    async def flush(self):
        while self.is_used and self.waiting and self.sent + len(self.waiting[0]) <= self.limit:
            record = self.waiting.pop(0)
            at, self.sent = self.sent, self.sent + len(record)
            await self.send(kith.DATA, kith.data(0, at, 0, record))

    async def read_lines(self):
        lines = asyncio.StreamReader(limit=1 << 20)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        async for line in lines:
            await self.say(line.rstrip(b"\n"))
        await self.send(kith.CLOSE, kith.close(REASON_LEFT, b"bye"))
        await self.socket.close(4000 + REASON_LEFT)


def choice(options):
    """A function that says which ids of its own it wants."""
    if not options:
        return lambda _: True
    other = bytes.fromhex(options[1].replace("-", ""))
    return {"--above": lambda own: own > other, "--below": lambda own: own < other}[options[0]]


async def main(url, session, name, *options):
    async with websockets.connect(url, subprotocols=["kith.v1"], compression=None, max_size=None) as socket:
        check(socket.subprotocol == "kith.v1", f"the subprotocol is {socket.subprotocol}")
        link = Link(socket, session, name, choice(options))
        lines = asyncio.ensure_future(link.read_lines())
        try:
            await link.run()
        except websockets.ConnectionClosed as closed:
            report("closed", code=closed.code)
        else:
            report("closed", code=socket.close_code)
        lines.cancel()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
