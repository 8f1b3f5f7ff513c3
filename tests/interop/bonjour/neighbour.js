// SPDX-License-Identifier: MIT
//
// neighbour.js: a program in another language that is found by multicast DNS and finds others, with
// the package bonjour-service. It knows of Kith what a service and its TXT record look like, and
// nothing else. For tests only.
//
//     node neighbour.js SERVICE ADDRESS
//
// It is there as `stranger` at port 4242 until its input ends. What it sees stands on standard output.
'use strict';

const {Bonjour} = require('bonjour-service');

const [service, address] = process.argv.slice(2);
const stack = new Bonjour({interface: address, bind: '0.0.0.0'}, (error) => {
    process.stderr.write(`neighbour.js: ${error}\n`);
    process.exit(1);
});

function say(...words) {
    process.stdout.write(words.join(' ') + '\n');
}

const own = stack.publish({
    name: 'stranger', type: service, protocol: 'tcp', port: 4242, host: 'stranger-box.local',
    txt: {'.v': '1', '.t': 'abcdefghijklmnop', '.e': 'wss', room: 'blue'}, disableIPv6: true,
});
own.on('up', () => say('ready'));
const browser = stack.find({type: service, protocol: 'tcp'});
browser.on('up', (found) => say('sees', found.name, found.port, JSON.stringify(found.txt), found.addresses));
browser.on('down', (found) => say('misses', found.name));
process.stdin.on('end', () => stack.unpublishAll(() => stack.destroy(() => process.exit(0))));
process.stdin.resume();
