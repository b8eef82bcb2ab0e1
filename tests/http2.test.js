// HTTP/2 at the real program: node's client, curl, h2load, and frames that no client would send.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { folder, serve, sleep } from './lib/gatehouse.js';

const execute = promisify(execFile);
let house, upstream, secure, plain;
const host = 'open.localhost';
const received = [];

const freePort = () => new Promise((r) => { const s = net.createServer().listen(0, '127.0.0.1', () => { const p = s.address().port; s.close(() => r(p)); }); });

function answer(request, reply) {
  received.push(request);
  if (request.url === '/echo') { reply.writeHead(200, { 'Content-Type': 'application/octet-stream' }); request.pipe(reply); return; }
  if (request.url === '/large') { reply.end(Buffer.alloc(20 << 20, 'x')); return; }
  if (request.url === '/slow') { setTimeout(() => reply.end('slow'), 400); return; }
  if (request.url === '/trailers') { reply.writeHead(200, { Trailer: 'X-Sum' }); reply.write('body'); reply.addTrailers({ 'X-Sum': '42' }); reply.end(); return; }
  let size = 0;
  request.on('data', (d) => (size += d.length));
  request.on('end', () => reply.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, size })));
}

before(async () => {
  upstream = http.createServer(answer).listen(0, '127.0.0.1');
  await new Promise((r) => upstream.on('listening', r));
  const dir = folder('http2');
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', path.join(dir, 'key.pem'), '-out', path.join(dir, 'cert.pem'),
    '-days', '2', '-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`], { stdio: 'ignore' });
  fs.chmodSync(path.join(dir, 'key.pem'), 0o600);
  [secure, plain] = [await freePort(), await freePort()];
  fs.writeFileSync(path.join(dir, 'gatehouse.yaml'), `
data: data
listeners:
  - {port: ${plain}}
  - {port: ${secure}, tls: {certificate: cert.pem, key: key.pem}}
log: {level: debug, form: json}
org: {hosts: ["127.0.0.1"]}
gateway:
  hosts:
    - host: ${host}
      routes: [{path: /, upstream: "http://127.0.0.1:${upstream.address().port}", open: true}]
`);
  house = await serve(path.join(dir, 'gatehouse.yaml'));
});
after(async () => {
  upstream?.closeAllConnections();
  upstream?.close();
  if (house) assert.equal(await house.stop(), 0);
});

const connect = (tls = true) => tls ? http2.connect(`https://127.0.0.1:${secure}`, { servername: host, rejectUnauthorized: false }) : http2.connect(`http://127.0.0.1:${plain}`);

async function ask(session, headers, body) {
  const stream = session.request({ ':authority': host, ...headers }, { endStream: body === undefined });
  const seen = { status: 0, headers: {}, trailers: {}, chunks: [] };
  stream.on('response', (h) => { seen.status = h[':status']; seen.headers = h; });
  stream.on('trailers', (t) => { seen.trailers = t; });
  stream.on('data', (d) => seen.chunks.push(d));
  if (body !== undefined) stream.end(body);
  await new Promise((resolve, reject) => { stream.on('close', resolve); stream.on('error', reject); });
  seen.body = Buffer.concat(seen.chunks).toString('latin1');
  return seen;
}

for (const tls of [true, false]) {
  test(`requests pass the gateway over ${tls ? 'TLS' : 'a plain socket'}, many at once`, async () => {
    const session = connect(tls);
    const one = await ask(session, { ':path': '/a?b=c', cookie: ['a=b', 'c=d'], 'x-one': '1' });
    assert.equal(one.status, 200);
    const told = JSON.parse(one.body);
    assert.equal(told.url, '/a?b=c');
    assert.equal(told.headers.cookie, 'a=b; c=d');
    assert.equal(told.headers.via, '2 gatehouse');
    assert.equal(told.headers['x-forwarded-proto'], tls ? 'https' : 'http');
    const many = await Promise.all(Array.from({ length: 90 }, (_, i) => ask(session, { ':path': `/${i}`, ':method': 'POST' }, 'x'.repeat(i * 100))));
    many.forEach((seen, i) => assert.deepEqual([seen.status, JSON.parse(seen.body).url, JSON.parse(seen.body).size], [200, `/${i}`, i * 100]));
    session.close();
  });
}

test('large bodies pass both ways, and trailers', async () => {
  const session = connect();
  const body = Buffer.alloc(5 << 20, 'y');
  assert.equal((await ask(session, { ':path': '/echo', ':method': 'POST' }, body)).body.length, body.length);
  assert.equal((await ask(session, { ':path': '/large' })).body.length, 20 << 20);
  assert.equal((await ask(session, { ':path': '/trailers' })).trailers['x-sum'], '42');
  session.close();
});

test('a client that leaves a stream does not disturb the others', async () => {
  const session = connect();
  const left = session.request({ ':authority': host, ':path': '/large' });
  left.on('error', () => {});
  await new Promise((r) => left.once('data', r));
  left.close(http2.constants.NGHTTP2_CANCEL);
  assert.equal((await ask(session, { ':path': '/after' })).status, 200);
  session.close();
});

test('curl agrees on HTTP/2 in both ways', async () => {
  const at = (port) => ['--resolve', `${host}:${port}:127.0.0.1`, '-sk', '-o', '/dev/null', '-w', '%{http_version} %{http_code}'];
  const curl = async (args) => (await execute('curl', args)).stdout;
  assert.equal(await curl([...at(secure), '--http2', `https://${host}:${secure}/`]), '2 200');
  assert.equal(await curl([...at(plain), '--http2-prior-knowledge', `http://${host}:${plain}/`]), '2 200');
  assert.equal(await curl([...at(plain), '--http2', `http://${host}:${plain}/`]), '1.1 200', 'Upgrade: h2c is not answered');
  assert.equal(await curl([...at(secure), '--http1.1', `https://${host}:${secure}/`]), '1.1 200');
});

test('h2load: no request of many is lost', async () => {
  const { stdout: said } = await execute('h2load', ['-n', '5000', '-c', '20', '-m', '20', '-H', `:authority: ${host}`, `https://127.0.0.1:${secure}/`]);
  assert.match(said, /5000 succeeded, 0 failed, 0 errored/);
  assert.match(said, /status codes: 5000 2xx/);
});

// ---- Frames by hand.
const frame = (type, flags, id, payload = Buffer.alloc(0)) => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, Buffer.from(payload)]);
};
const text = (t) => Buffer.concat([Buffer.from([t.length]), Buffer.from(t, 'latin1')]);
const block = (fields) => Buffer.concat(fields.map(([n, v]) => Buffer.concat([Buffer.from([0]), text(n), text(v)])));
const get = (more = []) => [[':method', 'GET'], [':scheme', 'http'], [':path', '/smuggled'], [':authority', host], ...more];
const preface = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0)]);

// All that comes back until the connection ends or `done` says so.
function talk(bytes, done = () => false) {
  return new Promise((resolve) => {
    const socket = net.connect(plain, '127.0.0.1');
    let got = Buffer.alloc(0);
    const end = () => { socket.destroy(); resolve(got); };
    socket.on('data', (d) => { got = Buffer.concat([got, d]); if (done(frames(got))) end(); });
    socket.on('close', end);
    socket.on('error', end);
    socket.setTimeout(15000, end);
    socket.write(Buffer.concat([preface, ...bytes]));
  });
}
function frames(bytes) {
  const all = [];
  for (let at = 0; at + 9 <= bytes.length;) {
    const size = bytes.readUIntBE(at, 3);
    if (at + 9 + size > bytes.length) break;
    all.push({ type: bytes[at + 3], flags: bytes[at + 4], id: bytes.readUInt32BE(at + 5), payload: bytes.subarray(at + 9, at + 9 + size) });
    at += 9 + size;
  }
  return all;
}
const goaway = (all) => all.findLast((f) => f.type === 7)?.payload.readUInt32BE(4);

test('what HTTP/1.1 upstreams would read otherwise never reaches one', async () => {
  const evil = {
    'transfer-encoding': [['transfer-encoding', 'chunked']],
    'two lengths': [['content-length', '0'], ['content-length', '5']],
    'a length without a body': [['content-length', '5']],
    'a line break in a value': [['x', 'a\r\nTransfer-Encoding: chunked']],
    'a line break in a name': [['x\r\ny', 'z']],
    'an upper case name': [['Transfer-Encoding', 'chunked']],
    connection: [['connection', 'x-forwarded-for']],
    upgrade: [['upgrade', 'h2c']],
    'another host': [['host', 'other.localhost']],
  };
  for (const [what, more] of Object.entries(evil)) {
    const before = received.length;
    const all = frames(await talk([frame(1, 5, 1, block(get(more)))], (seen) => seen.some((f) => f.id === 1 && (f.type === 3 || f.flags & 1))));
    assert.ok(all.some((f) => f.id === 1), `${what}: refused on its stream`);
    assert.equal(received.length, before, what);
  }
  assert.ok(!received.some((r) => r.url === '/smuggled'));
});

const memory = () => Number(/VmRSS:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${house.pid}/status`, 'utf8'))[1]);

test('floods end in ENHANCE_YOUR_CALM, memory stays bounded, others are served', async () => {
  const before = memory();
  const reset = Buffer.alloc(4);
  reset.writeUInt32BE(8);
  const rapid = Array.from({ length: 3000 }, (_, i) => Buffer.concat([frame(1, 5, 2 * i + 1, block(get())), frame(3, 0, 2 * i + 1, reset)]));
  const one = Buffer.alloc(4);
  one.writeUInt32BE(1);
  const floods = {
    'rapid reset (CVE-2023-44487)': rapid,
    PING: Array(20000).fill(frame(6, 0, 0, Buffer.alloc(8))),
    SETTINGS: Array(20000).fill(frame(4, 0, 0)),
    WINDOW_UPDATE: Array(20000).fill(frame(8, 0, 0, one)),
    'CONTINUATION (CVE-2024-27316)': [frame(1, 1, 1, block(get())), ...Array(20000).fill(frame(9, 0, 1, block([['x', 'y']])))],
  };
  for (const [what, bytes] of Object.entries(floods)) {
    const all = frames(await talk(bytes));
    assert.equal(goaway(all), 11, what);
    const session = connect(false);
    assert.equal((await ask(session, { ':path': '/well' })).status, 200);
    session.close();
  }
  assert.ok(memory() - before < 64 * 1024, `${memory() - before} kB more than before`);
});

test('a zero window holds nobody else up, and what it holds is bounded', async () => {
  const before = memory();
  const closed = Buffer.concat([Buffer.from([0, 4]), Buffer.alloc(4)]);   // INITIAL_WINDOW_SIZE 0
  const sockets = Array.from({ length: 20 }, () => {
    const socket = net.connect(plain, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(Buffer.concat([preface, frame(4, 0, 0, closed), ...Array.from({ length: 50 }, (_, i) => frame(1, 5, 2 * i + 1, block([[':method', 'GET'], [':scheme', 'http'], [':path', '/large'], [':authority', host]])))]));
    return socket;
  });
  await sleep(1500);
  const session = connect();
  assert.equal((await ask(session, { ':path': '/well' })).status, 200);
  session.close();
  const more = memory() - before;
  for (const socket of sockets) socket.destroy();
  assert.ok(more < 400 * 1024, `${more} kB for 1,000 answers of 20 MiB that nobody takes`);
});

test('a stop lets streams end: GOAWAY, then the answer', async () => {
  const session = connect();
  let told;
  session.on('goaway', (code) => { told ??= code; });
  const slow = ask(session, { ':path': '/slow' });
  await ask(session, { ':path': '/first' });
  const stopped = house.stop();
  assert.equal((await slow).body, 'slow');
  assert.equal(await stopped, 0);
  assert.equal(told, 0);
  house = undefined;
});
