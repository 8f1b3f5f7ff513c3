// SPDX-License-Identifier: MIT
//
// peer.js: a peer of the Kith protocol for Node, written from core/PROTOCOL.md alone: the `ws` package
// for WebSocket, Node's own TLS and cryptography, nothing of Kith's. It dials, goes through the whole
// handshake, and talks. For tests only: it has one link, no resumption, and ends on every surprise.
//
//     node peer.js URL SESSION NAME [--key FILE] [--tls 1.2|1.3] [--above ID | --below ID]
//                  [--cert FILE --cert-key FILE] [--ca FILE]
//
// Each line of standard input is sent as a message; its end is the end of the session. What happens
// stands on standard output, an object of JSON per line. --above and --below choose an id of its own that
// is greater or less than another one, which decides who is the arbiter (section 7).
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const readline = require('readline');
const WebSocket = require('ws');

const TYPE = {HELLO: 0x02, AUTH: 0x04, INFO: 0x06, ADOPT: 0x08, ADOPTED: 0x0a, DATA: 0x10, CREDIT: 0x12,
    CLOSE: 0x18, PING: 0x1a, PONG: 0x1c, WAIT: 0x20};
const SUITES = {TLS_AES_128_GCM_SHA256: 0x1301, TLS_AES_256_GCM_SHA384: 0x1302,
    TLS_CHACHA20_POLY1305_SHA256: 0x1303, TLS_PSK_WITH_AES_128_GCM_SHA256: 0x00a8};
const NAME_OF = Object.fromEntries(Object.entries(TYPE).map(([name, number]) => [number, name]));
const REASON_LEFT = 1;
const LANES = 8;
const WINDOW = 65536;
const ZEROS = (count) => Buffer.alloc(count);
const sha256 = (...pieces) => crypto.createHash('sha256').update(Buffer.concat(pieces)).digest();

function report(event, fields) {
    process.stdout.write(JSON.stringify({event, ...fields}) + '\n');
}

function fail(why) {
    process.stderr.write(`peer.js: ${why}\n`);
    process.exit(1);
}

function check(condition, why) {
    if (!condition) {
        fail(why);
    }
}

// ---- section 1: integers ----

function u(value, bytes) {
    const out = ZEROS(bytes);
    let rest = BigInt(value);
    for (let i = bytes - 1; i >= 0; i--) {
        out[i] = Number(rest & 0xffn);
        rest >>= 8n;
    }
    return out;
}

// RFC 9000 section 16.
function varint(value) {
    const size = [1, 2, 4, 8].findIndex((bytes) => BigInt(value) < 1n << BigInt(8 * bytes - 2));
    const out = u(value, 1 << size);
    out[0] |= size << 6;
    return out;
}

class Reader {
    constructor(bytes) {
        this.bytes = bytes;
        this.at = 0;
    }

    left() {
        return this.bytes.length - this.at;
    }

    take(count) {
        check(count <= this.left(), 'a body is too short');
        this.at += count;
        return this.bytes.subarray(this.at - count, this.at);
    }

    number(count) {
        return Number(BigInt('0x' + this.take(count).toString('hex')));
    }

    // A number, or null where it is not all there.
    varint() {
        const bytes = this.left() > 0 ? 1 << (this.bytes[this.at] >> 6) : 1;
        if (this.left() < bytes) {
            return null;
        }
        const raw = Buffer.from(this.take(bytes));
        raw[0] &= 0x3f;
        return Number(BigInt('0x' + raw.toString('hex')));
    }
}

// ---- keys ----

// RFC 8410: what stands before the 32 bytes of a private or a public Ed25519 key in DER.
const PRIVATE_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC_HEAD = Buffer.from('302a300506032b6570032100', 'hex');

// Section 5.1: the id of a public key.
function idOf(raw) {
    const id = Buffer.from(sha256(raw).subarray(0, 16));
    id[6] = (id[6] & 0x0f) | 0x80;
    id[8] = (id[8] & 0x3f) | 0x80;
    return id;
}

function formatId(id) {
    return id.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

// From random bytes, and in DER: generateKeyPairSync() leaves a job behind that takes the key's lock when
// it is collected, and export() as JWK collects while it holds that lock. Node then waits for itself.
function makeIdentity(isWanted) {
    for (;;) {
        const der = Buffer.concat([PRIVATE_HEAD, crypto.randomBytes(32)]);
        const secret = crypto.createPrivateKey({key: der, format: 'der', type: 'pkcs8'});
        const raw = crypto.createPublicKey(secret).export({format: 'der', type: 'spki'})
            .subarray(PUBLIC_HEAD.length);
        if (isWanted(idOf(raw))) {
            return {secret, key: raw, id: idOf(raw)};
        }
    }
}

// ---- the command line ----

function readOptions() {
    const [url, session, name, ...rest] = process.argv.slice(2);
    const options = {url, session, name, tls: '1.3', isWanted: () => true};
    for (let i = 0; i < rest.length; i += 2) {
        const other = Buffer.from((rest[i + 1] || '').replace(/-/g, ''), 'hex');
        if (rest[i] === '--key') {
            const [identity, hex] = fs.readFileSync(rest[i + 1], 'utf8').trim().split(':');
            options.psk = {identity, psk: Buffer.from(hex, 'hex')};
        } else if (['--cert', '--cert-key', '--ca'].includes(rest[i])) {
            options[rest[i].slice(2)] = fs.readFileSync(rest[i + 1]);
        } else if (rest[i] === '--tls') {
            options.tls = rest[i + 1];
        } else if (rest[i] === '--above') {
            options.isWanted = (id) => id.compare(other) > 0;
        } else if (rest[i] === '--below') {
            options.isWanted = (id) => id.compare(other) < 0;
        } else {
            fail(`no such option: ${rest[i]}`);
        }
    }
    return options;
}

// Section 2.3.
function connect(options) {
    const how = {perMessageDeflate: false};
    if (options.psk) {
        Object.assign(how, {
            pskCallback: () => options.psk,
            minVersion: `TLSv${options.tls}`,
            maxVersion: `TLSv${options.tls}`,
            ciphers: 'TLS_AES_128_GCM_SHA256:PSK-AES128-GCM-SHA256',
            checkServerIdentity: () => undefined, // there is no certificate
        });
    }
    if (options.ca) {
        Object.assign(how, {ca: options.ca, cert: options.cert, key: options['cert-key'],
            minVersion: 'TLSv1.3'});
    }
    return new WebSocket(options.url, ['kith.v1'], how);
}

// Section 5.2: the hashes of both leaf certificates; zeros stand for one that was not shown.
function leavesOf(socket, options) {
    if (!options.ca) {
        return ZEROS(64);
    }
    const mine = options.cert ? sha256(new crypto.X509Certificate(options.cert).raw) : ZEROS(32);
    return Buffer.concat([mine, sha256(socket.getPeerCertificate().raw)]);
}

// What this side sees of the channel: the numbers of HELLO, and the binding of AUTH.
function lookAt(socket, options) {
    if (!options.psk && !options.ca) {
        return {number: 0, version: 0, suite: 0, binding: ZEROS(0), leaves: ZEROS(64)};
    }
    const protocol = socket.getProtocol();
    check(protocol === `TLSv${options.tls}`, `it is ${protocol}`);
    // No context: in TLS 1.2 an empty one would give another value (RFC 5705 section 4).
    const binding = socket.exportKeyingMaterial(32, 'EXPORTER-kith-link-v1');
    const is13 = protocol === 'TLSv1.3';
    const suite = SUITES[socket.getCipher().standardName];
    const number = options.ca ? 3 : is13 ? 1 : 2;
    return {number, version: is13 ? 0x0304 : 0x0303, suite, binding, leaves: leavesOf(socket, options)};
}

// ---- one link ----

class Link {
    constructor(options) {
        this.options = options;
        this.identity = makeIdentity(options.isWanted);
        this.incoming = Buffer.alloc(0);
        this.state = 'HELLO';
        this.sent = 0; // bytes of lane 0
        this.limit = 0;
        this.waiting = []; // messages for which there is no room, or no adopted link
        this.isUsed = false;
        this.lanes = Array.from({length: LANES}, () => ({received: 0, bytes: Buffer.alloc(0)}));
        this.generation = 0;
        this.hasWaited = false;
    }

    open() {
        this.socket = connect(this.options);
        this.socket.on('open', () => this.begin());
        this.socket.on('message', (bytes, isBinary) => {
            check(isBinary, 'a text message');
            this.take(bytes);
        });
        this.socket.on('close', (code) => {
            report('closed', {code});
            process.exit(0);
        });
        this.socket.on('error', (error) => fail(error.message));
    }

    send(type, ...body) {
        const whole = Buffer.concat(body);
        const bytes = Buffer.concat([varint(type), varint(whole.length), whole]);
        // Message boundaries mean nothing: sometimes a frame is cut, as a proof of that.
        const cut = bytes.length > 20 ? bytes.length >> 1 : bytes.length;
        this.socket.send(bytes.subarray(0, cut));
        if (cut < bytes.length) {
            this.socket.send(bytes.subarray(cut));
        }
    }

    // Section 5.1.
    begin() {
        check(this.socket.protocol === 'kith.v1', `the subprotocol is ${this.socket.protocol}`);
        this.channel = lookAt(this.socket._socket, this.options);
        const nonce = crypto.randomBytes(32);
        const tag = sha256(Buffer.from('kith session\0'), nonce, Buffer.from(this.options.session));
        this.hello = Buffer.concat([
            Buffer.from('KITH'), u(1, 1), u(1, 1), u(0, 1), u(this.channel.number, 1),
            u(this.channel.number, 1), u(this.channel.binding.length > 0 ? 1 : 0, 1), u(1, 1), u(0, 1),
            u(this.channel.version, 2), u(this.channel.suite, 2), this.identity.key,
            crypto.randomBytes(8), nonce, tag.subarray(0, 16), ZEROS(16), ZEROS(16)]);
        check(this.hello.length === 136, 'my HELLO has another length');
        this.send(TYPE.HELLO, this.hello);
    }

    // Section 4.
    take(bytes) {
        this.incoming = Buffer.concat([this.incoming, bytes]);
        for (;;) {
            const reader = new Reader(this.incoming);
            const type = reader.varint();
            const length = type === null ? null : reader.varint();
            if (length === null || reader.left() < length) {
                return;
            }
            const body = Buffer.from(reader.take(length));
            this.incoming = this.incoming.subarray(reader.at);
            this.takeFrame(type, body);
        }
    }

    takeFrame(type, body) {
        const name = NAME_OF[type];
        if (name === undefined && type % 2 === 1 && this.state === 'OPEN') {
            return; // the extension rule
        }
        check(name !== undefined, `a frame of type ${type}`);
        if (name === 'CLOSE') {
            const reader = new Reader(body);
            report('close', {reason: reader.varint(), text: reader.take(reader.left()).toString()});
            return;
        }
        // Section 3: what may come when.
        if (name === 'WAIT' && this.state === 'HELLO' && this.channel.number === 3 && !this.hasWaited) {
            this.hasWaited = true;
            report('wait', {ms: new Reader(body).number(4)});
            return;
        }
        check(name !== 'WAIT', 'a WAIT out of place');
        check(this.state === 'OPEN' ? name !== 'HELLO' && name !== 'AUTH' : name === this.state,
            `${name} while waiting for ${this.state}`);
        this[`take${name}`](new Reader(body), body);
    }

    takeHELLO(reader, body) {
        check(body.length === 136 && reader.take(4).toString() === 'KITH', 'no HELLO');
        const [low, high, role, channel, best, bindings, level, flags] = reader.take(8);
        check(low <= 1 && high >= 1 && role === 0 && flags === 0, 'version, role or flags');
        check(channel === this.channel.number && best <= 5, `the channel is ${channel}, at best ${best}`);
        check(reader.number(2) === this.channel.version, 'the TLS version');
        check(reader.number(2) === this.channel.suite, 'the cipher suite');
        check((bindings & 1) === (this.channel.binding.length > 0 ? 1 : 0), 'the bindings');
        check(level >= 1 && level <= 3, 'the level');
        this.theirKey = reader.take(32);
        reader.take(8);
        const nonce = reader.take(32);
        const tag = sha256(Buffer.from('kith session\0'), nonce, Buffer.from(this.options.session));
        check(reader.take(16).equals(tag.subarray(0, 16)), 'the session tag');
        check(reader.take(16).equals(ZEROS(16)), 'somebody else is wanted');
        check(reader.take(16).equals(ZEROS(16)), 'the reserved bytes');
        this.theirHello = body;
        this.state = 'AUTH';
        report('hello', {id: formatId(idOf(this.theirKey)), version: this.channel.version});
    }

    // Section 5.2: what is signed.
    signedText(side, body) {
        const bound = this.channel.binding.length > 0 ? 1 : 0;
        return Buffer.concat([Buffer.alloc(64, 0x20), Buffer.from(`Kith link AUTH v1 ${side}\0`), sha256(
            u(136, 2), this.hello, u(136, 2), this.theirHello, u(1, 1), u(bound, 1),
            u(this.channel.binding.length, 2), this.channel.binding, this.channel.leaves,
            u(body.length, 2), body)]);
    }

    takeAUTH(reader, body) {
        const unsigned = body.subarray(0, body.length - 64);
        const key = crypto.createPublicKey({
            key: Buffer.concat([PUBLIC_HEAD, this.theirKey]), format: 'der', type: 'spki'});
        check(crypto.verify(null, this.signedText('acceptor', unsigned), key, body.subarray(-64)),
            'the signature does not verify');
        reader.take(17);
        check(reader.number(1) === 1, 'the version');
        check(reader.number(1) === (this.channel.binding.length > 0 ? 1 : 0), 'the binding type');
        reader.take(4);
        check(reader.number(4) >= 1, 'the largest message');
        reader.take(8);
        check(reader.number(2) >= 8, 'the number of lanes');
        this.state = 'INFO';
        const mine = Buffer.concat([ZEROS(17), u(1, 1), u(this.channel.binding.length > 0 ? 1 : 0, 1),
            u(0, 4), u(WINDOW, 4), u(LANES * WINDOW, 8), u(LANES, 2), u(0, 4)]);
        this.send(TYPE.AUTH, mine,
            crypto.sign(null, this.signedText('dialer', mine), this.identity.secret));
        const name = Buffer.from(this.options.name);
        this.send(TYPE.INFO, u(name.length, 1), name);
    }

    // Sections 5.3 and 7: the one with the greater id adopts.
    takeINFO(reader) {
        const name = reader.take(reader.number(1)).toString();
        const isArbiter = this.identity.id.compare(idOf(this.theirKey)) > 0;
        this.state = 'OPEN';
        report('info', {name, arbiter: isArbiter});
        if (isArbiter) {
            this.generation = 1;
            this.send(TYPE.ADOPT, varint(1), varint(1), u(1, 1), this.table());
        }
    }

    table() {
        const entries = this.lanes.map((lane, i) => Buffer.concat(
            [varint(i), varint(lane.received), varint(lane.received), varint(lane.received + WINDOW)]));
        return Buffer.concat([varint(LANES), varint(LANES), ...entries]);
    }

    takeTable(reader) {
        check(reader.varint() >= LANES, 'the next lane');
        for (let count = reader.varint(); count > 0; count--) {
            this.takeCREDIT(reader);
        }
        check(reader.left() === 0, 'bytes behind the table');
        this.isUsed = true;
        report('connected', {});
        this.flush();
    }

    takeADOPT(reader) {
        const [generation, since] = [reader.varint(), reader.varint()];
        check(reader.number(1) === 1 && since >= 1 && generation >= since, 'a first ADOPT is fresh');
        this.send(TYPE.ADOPTED, varint(generation), varint(since), this.table());
        this.takeTable(reader);
    }

    takeADOPTED(reader) {
        check(this.generation === 1 && reader.varint() === 1 && reader.varint() === 1, 'the generation');
        this.takeTable(reader);
    }

    // Section 5.6.
    takeDATA(reader) {
        const lane = this.lanes[reader.varint()];
        const offset = reader.varint();
        check(lane !== undefined && offset === lane.received && reader.number(1) === 0, 'DATA out of place');
        const bytes = reader.take(reader.left());
        lane.received += bytes.length;
        lane.bytes = Buffer.concat([lane.bytes, bytes]);
        for (;;) {
            const record = new Reader(lane.bytes);
            const length = record.varint();
            if (length === null || record.left() < length) {
                break;
            }
            report('message', {text: record.take(length).toString()});
            lane.bytes = lane.bytes.subarray(record.at);
        }
        const consumed = lane.received - lane.bytes.length;
        this.send(TYPE.CREDIT, varint(this.lanes.indexOf(lane)), varint(lane.received), varint(consumed),
            varint(consumed + WINDOW));
    }

    // Section 5.7.
    takeCREDIT(reader) {
        const [lane, received, consumed, limit] = [0, 1, 2, 3].map(() => reader.varint());
        check(consumed <= received && received <= limit, 'CREDIT out of order');
        if (lane === 0) {
            check(received <= this.sent, 'credit for what was never sent');
            this.limit = Math.max(this.limit, limit);
            if (consumed === this.sent && this.sent > 0) {
                report('delivered', {bytes: consumed});
            }
            this.flush();
        }
    }

    takePING(reader, body) {
        this.send(TYPE.PONG, body);
    }

    takePONG() {
        fail('a PONG that nobody asked for');
    }

    say(text) {
        const message = Buffer.from(text);
        this.waiting.push(Buffer.concat([varint(message.length), message]));
        this.flush();
    }

    flush() {
        while (this.isUsed && this.waiting.length > 0 && this.sent + this.waiting[0].length <= this.limit) {
            const record = this.waiting.shift();
            this.send(TYPE.DATA, varint(0), varint(this.sent), u(0, 1), record);
            this.sent += record.length;
        }
    }

    // Section 2.1: the code of WebSocket says the reason once more.
    leave() {
        this.send(TYPE.CLOSE, varint(REASON_LEFT), Buffer.from('bye'));
        this.socket.close(4000 + REASON_LEFT);
    }
}

const link = new Link(readOptions());
link.open();
const input = readline.createInterface({input: process.stdin});
input.on('line', (line) => link.say(line));
input.on('close', () => link.leave());
