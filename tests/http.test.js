// HTTP as attackers write it: refused with the right status, the connection closed, nobody else disturbed.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { sleep, up } from './lib/gatehouse.js';

let house;
before(async () => { house = await up(); });
after(async () => assert.equal(await house.stop(), 0));

// Sends bytes; resolves with everything that came back once the peer closed (or after `patience`).
function speak(bytes, { patience = 5000, end = false } = {}) {
  return new Promise((resolve) => {
    const socket = net.connect(house.port, '127.0.0.1', () => { socket.write(bytes); if (end) socket.end(); });
    let text = '', closed = false;
    const done = () => { socket.destroy(); resolve({ text, closed, statuses: [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((m) => Number(m[1])) }); };
    socket.setEncoding('latin1');
    socket.on('data', (d) => (text += d));
    socket.on('error', () => {});
    socket.on('close', () => { closed = true; done(); });
    setTimeout(done, patience).unref();
  });
}
const get = (line, headers = []) => `${line}\r\n${[`Host: localhost:${house.port}`, ...headers].join('\r\n')}\r\n\r\n`;

describe('refused with 400', () => {
  const host = () => `Host: localhost:${house.port}`;
  const cases = {
    'no version': () => `GET /\r\n${host()}\r\n\r\n`,
    'no such version': () => `GET / HTTP/1.2x\r\n${host()}\r\n\r\n`,
    'two spaces': () => `GET  / HTTP/1.1\r\n${host()}\r\n\r\n`,
    'a tab between': () => `GET\t/ HTTP/1.1\r\n${host()}\r\n\r\n`,
    'a method that is none': () => `G@T / HTTP/1.1\r\n${host()}\r\n\r\n`,
    'bare LF': () => `GET / HTTP/1.1\n${host()}\n\n`,
    'bare CR in a value': () => `GET / HTTP/1.1\r\n${host()}\r\nX: a\rb\r\n\r\n`,
    'NUL in a value': () => `GET / HTTP/1.1\r\n${host()}\r\nX: a\0b\r\n\r\n`,
    'a folded field': () => `GET / HTTP/1.1\r\n${host()}\r\nX: a\r\n b\r\n\r\n`,
    'a space before the colon': () => `GET / HTTP/1.1\r\n${host()}\r\nX : a\r\n\r\n`,
    'a field without a name': () => `GET / HTTP/1.1\r\n${host()}\r\n: a\r\n\r\n`,
    'a field without a colon': () => `GET / HTTP/1.1\r\n${host()}\r\nnonsense\r\n\r\n`,
    'no Host': () => 'GET / HTTP/1.1\r\n\r\n',
    'two Hosts': () => `GET / HTTP/1.1\r\n${host()}\r\n${host()}\r\n\r\n`,
    'a Host with a path': () => 'GET / HTTP/1.1\r\nHost: localhost/x\r\n\r\n',
    'a Host with user info': () => 'GET / HTTP/1.1\r\nHost: a@localhost\r\n\r\n',
    'an absolute form that differs from Host': () => `GET http://wiki.localhost/ HTTP/1.1\r\n${host()}\r\n\r\n`,
    'two lengths that differ': () => `POST /oauth2/v1/token HTTP/1.1\r\n${host()}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab`,
    'a list of lengths': () => `POST /oauth2/v1/token HTTP/1.1\r\n${host()}\r\nContent-Length: 1, 1\r\n\r\na`,
    'a length with a sign': () => `POST /oauth2/v1/token HTTP/1.1\r\n${host()}\r\nContent-Length: +1\r\n\r\na`,
    'a negative length': () => `POST /oauth2/v1/token HTTP/1.1\r\n${host()}\r\nContent-Length: -1\r\n\r\na`,
    'a length in hex': () => `POST /oauth2/v1/token HTTP/1.1\r\n${host()}\r\nContent-Length: 0x1\r\n\r\na`,
    'a length that overflows': () => `POST /oauth2/v1/token HTTP/1.1\r\n${host()}\r\nContent-Length: 99999999999999999999\r\n\r\na`,
    'length and chunked': () => `POST /oauth2/v1/token HTTP/1.1\r\n${host()}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'chunked twice': () => `POST /oauth2/v1/token HTTP/1.1\r\n${host()}\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`,
    'two Transfer-Encodings': () => `POST /oauth2/v1/token HTTP/1.1\r\n${host()}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n`,
    'chunked in quotes': () => `POST /oauth2/v1/token HTTP/1.1\r\n${host()}\r\nTransfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`,
    'chunked with a vertical tab': () => `POST /oauth2/v1/token HTTP/1.1\r\n${host()}\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`,
    'chunked in HTTP/1.0': () => `POST /oauth2/v1/token HTTP/1.0\r\n${host()}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'a chunk size that is none': () => `POST /oauth2/v1/token HTTP/1.1\r\n${host()}\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n`,
    'a chunk size with a sign': () => `POST /oauth2/v1/token HTTP/1.1\r\n${host()}\r\nTransfer-Encoding: chunked\r\n\r\n+2\r\nab\r\n0\r\n\r\n`,
    'a chunk size that overflows': () => `POST /oauth2/v1/token HTTP/1.1\r\n${host()}\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nab\r\n0\r\n\r\n`,
    'a chunk longer than its size': () => `POST /oauth2/v1/token HTTP/1.1\r\n${host()}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n`,
    'a chunk that ends with LF': () => `POST /oauth2/v1/token HTTP/1.1\r\n${host()}\r\nTransfer-Encoding: chunked\r\n\r\n2\nab\n0\n\n`,
    'TLS on a plain port': () => Buffer.from('16030100a5010000a10303', 'hex').toString('latin1') + '\r\n\r\n',
  };
  for (const [what, bytes] of Object.entries(cases)) {
    test(what, async () => {
      const { statuses, closed } = await speak(Buffer.from(bytes(), 'latin1'));
      assert.deepEqual(statuses, [what === 'chunked in quotes' || what.includes('vertical') ? statuses[0] : 400]);
      assert.ok([400, 501].includes(statuses[0]), String(statuses));
      assert.ok(closed, 'the connection is closed');
    });
  }
});

test('nothing after a refused message is read as a request', async () => {
  const smuggled = `GET /.well-known/openid-configuration HTTP/1.1\r\nHost: localhost:${house.port}\r\n\r\n`;
  for (const head of ['Content-Length: 5\r\nTransfer-Encoding: chunked', 'Content-Length: 1\r\nContent-Length: 2', 'Transfer-Encoding: xchunked', 'Transfer-Encoding:\tchunked\r\nTransfer-encoding: x']) {
    const { statuses, closed } = await speak(`POST /oauth2/v1/token HTTP/1.1\r\nHost: localhost:${house.port}\r\n${head}\r\n\r\n0\r\n\r\n${smuggled}`);
    assert.equal(statuses.length, 1, head);
    assert.ok([400, 501].includes(statuses[0]), head);
    assert.ok(closed, head);
  }
});

test('too long: the line is 414, the fields are 431', async () => {
  assert.deepEqual((await speak(get(`GET /${'a'.repeat(20000)} HTTP/1.1`))).statuses, [414]);
  assert.deepEqual((await speak(get('GET / HTTP/1.1', [`X: ${'a'.repeat(70000)}`]))).statuses, [431]);
  assert.deepEqual((await speak(get('GET / HTTP/1.1', Array.from({ length: 300 }, (_, i) => `X${i}: a`)))).statuses, [431]);
});

test('an endless head is cut off', async () => {
  const socket = net.connect(house.port, '127.0.0.1');
  let sent = 0, answer = '';
  socket.on('error', () => {});
  socket.on('data', (d) => (answer += d));
  const ended = new Promise((r) => socket.on('close', r));
  socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\n`);
  while (!socket.destroyed && sent < 4e6) {
    const line = `X-${sent}: ${'a'.repeat(1000)}\r\n`;
    sent += line.length;
    if (!socket.write(line)) await Promise.race([new Promise((r) => socket.once('drain', r)), ended, sleep(1000)]);
    await sleep(0);
  }
  await Promise.race([ended, sleep(3000)]);
  assert.ok(sent < 4e6, 'the peer hung up first');
  assert.match(answer, /^HTTP\/1\.1 431 |^$/);
});

test('a body that is too large is 413', async () => {
  const { statuses } = await speak(`POST /oauth2/v1/token HTTP/1.1\r\nHost: localhost:${house.port}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 99999999\r\n\r\n`);
  assert.equal(statuses[0], 413);
  const chunk = `${(65536).toString(16)}\r\n${'a'.repeat(65536)}\r\n`;
  const endless = await speak(`POST /oauth2/v1/token HTTP/1.1\r\nHost: localhost:${house.port}\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(40)}`);
  assert.equal(endless.statuses[0], 413);
});

test('a slow head is 408, and others are served meanwhile', { timeout: 40000 }, async () => {
  const began = Date.now();
  const slow = speak(`GET / HTTP/1.1\r\nHost: localhost:${house.port}\r\nX: `, { patience: 30000 });
  const other = await fetch(`${house.org}/.well-known/openid-configuration`);
  assert.equal(other.status, 200);
  const { statuses, closed } = await slow;
  assert.ok(closed);
  assert.deepEqual(statuses, [408]);
  assert.ok(Date.now() - began < 20000);
});

test('200 slow senders cost little memory and disturb nobody', { timeout: 60000 }, async () => {
  const rss = () => Number(fs.readFileSync(`/proc/${house.pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]);
  const before = rss();
  const sockets = Array.from({ length: 200 }, () => {
    const socket = net.connect(house.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(`POST /oauth2/v1/token HTTP/1.1\r\nHost: localhost:${house.port}\r\nX: ${'a'.repeat(8000)}`);
    return socket;
  });
  await sleep(1000);
  const began = Date.now();
  for (let i = 0; i < 50; ++i) assert.equal((await fetch(`${house.org}/oauth2/v1/keys`)).status, 200);
  assert.ok(Date.now() - began < 10000);
  assert.ok(rss() - before < 40 * 1024, `${rss() - before} KiB more for 200 connections`);
  for (const socket of sockets) socket.destroy();
});

test('requests one after the other on one connection, pipelined, in order', async () => {
  const one = (path) => `GET ${path} HTTP/1.1\r\nHost: localhost:${house.port}\r\n\r\n`;
  const { statuses, text } = await speak(one('/.well-known/openid-configuration') + one('/no/such/thing') + `GET /oauth2/v1/keys HTTP/1.1\r\nHost: localhost:${house.port}\r\nConnection: close\r\n\r\n`);
  assert.deepEqual(statuses, [200, 404, 200]);
  assert.ok(text.indexOf('authorization_endpoint') < text.indexOf('"keys"'));
});

test('100-continue is sent when it is waited for', async () => {
  const socket = net.connect(house.port, '127.0.0.1');
  let text = '';
  socket.on('data', (d) => (text += d));
  const body = 'grant_type=nonsense';
  socket.write(`POST /oauth2/v1/token HTTP/1.1\r\nHost: localhost:${house.port}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`);
  for (let i = 0; i < 40 && !text.includes('100 Continue'); ++i) await sleep(50);
  assert.match(text, /^HTTP\/1\.1 100 /);
  socket.write(body);
  await new Promise((r) => socket.on('close', r));
  assert.match(text, /HTTP\/1\.1 40[01] /);
});

test('HEAD has no body and the same length', async () => {
  const full = await fetch(`${house.org}/oauth2/v1/keys`);
  const length = (await full.arrayBuffer()).byteLength;
  const { text } = await speak(get('HEAD /oauth2/v1/keys HTTP/1.1', ['Connection: close']));
  const [head, body] = text.split('\r\n\r\n');
  assert.equal(body, '');
  assert.match(head.toLowerCase(), new RegExp(`content-length: ${length}`));
});

test('answers tell no more than they must, and pages are protected', async () => {
  const page = await fetch(`${house.org}/`);
  const headers = Object.fromEntries(page.headers);
  assert.equal(headers['x-content-type-options'], 'nosniff');
  assert.match(headers['content-security-policy'], /default-src 'none'/);
  assert.match(headers['content-security-policy'], /frame-ancestors 'none'/);
  assert.equal(headers['x-powered-by'], undefined);
  assert.doesNotMatch(headers.server ?? '', /\d/);
});
