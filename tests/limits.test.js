// What many clients, large bodies and slow readers cost: memory that is bounded, measured at the real program.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { folder, serve, sleep } from './lib/gatehouse.js';

const host = 'open.localhost';
const MiB = 1 << 20;
const piece = Buffer.alloc(64 * 1024, 'p');
let house, upstream, ports, sent = 0;   // bytes that the application could hand over

const freePort = () => new Promise((r) => { const s = net.createServer().listen(0, '127.0.0.1', () => { const p = s.address().port; s.close(() => r(p)); }); });

function application() {
  return http.createServer((request, reply) => {
    const { pathname, searchParams } = new URL(request.url, 'http://x');
    if (pathname === '/down') {
      let left = Number(searchParams.get('mib')) * MiB;
      reply.writeHead(200, searchParams.has('chunked') ? {} : { 'Content-Length': left });
      const more = () => {
        while (left > 0) {
          left -= piece.length;
          sent += piece.length;
          if (!reply.write(piece)) return reply.once('drain', more);
        }
        reply.end();
      };
      reply.on('error', () => {});
      return more();
    }
    let size = 0;
    request.on('data', (d) => (size += d.length));
    request.on('end', () => reply.end(String(size)));
    request.on('error', () => {});
  }).listen(0, '127.0.0.1');
}

before(async () => {
  upstream = application();
  await new Promise((r) => upstream.on('listening', r));
  const dir = folder('limits');
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', path.join(dir, 'key.pem'), '-out', path.join(dir, 'cert.pem'),
    '-days', '2', '-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`], { stdio: 'ignore' });
  fs.chmodSync(path.join(dir, 'key.pem'), 0o600);
  ports = { plain: await freePort(), tls: await freePort(), few: await freePort(), old: await freePort(), oldTls: await freePort() };
  const files = 'tls: {certificate: cert.pem, key: key.pem}';
  fs.writeFileSync(path.join(dir, 'gatehouse.yaml'), `
data: data
listeners:
  - {port: ${ports.plain}}
  - {port: ${ports.tls}, ${files}}
  - {port: ${ports.few}, http2: {streams: 3, stream_window: 128KiB, connection_window: 512KiB}}
  - {port: ${ports.old}, http2: false}
  - {port: ${ports.oldTls}, http2: false, ${files}}
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

const status = (name) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(fs.readFileSync(`/proc/${house.pid}/status`, 'utf8'))[1]) * 1024;
// By how much memory grew at most while `work` ran. The kernel keeps the peak; writing 5 makes it begin anew (proc(5)).
async function growth(work) {
  fs.writeFileSync(`/proc/${house.pid}/clear_refs`, '5');
  const before_ = status('VmRSS');
  const result = await work();
  return { grown: status('VmHWM') - before_, result };
}

const connect = (secure) => secure ? http2.connect(`https://127.0.0.1:${ports.tls}`, { servername: host, rejectUnauthorized: false }) : http2.connect(`http://127.0.0.1:${ports.plain}`);

// Each way of asking: (target, upload bytes) -> the answer's stream of bytes.
const ways = {};
for (const secure of [false, true]) {
  const over = secure ? ' over TLS' : '';
  ways[`HTTP/1.1${over}`] = (target, upload) => new Promise((resolve, reject) => {
    const request = (secure ? https : http).request({ host: '127.0.0.1', port: secure ? ports.tls : ports.plain, path: target, method: upload ? 'POST' : 'GET', agent: false, servername: host, rejectUnauthorized: false,
      headers: { Host: host, ...(upload ? { 'Content-Length': upload } : {}) } }, (answer) => resolve({ stream: answer, end: () => request.destroy() }));
    request.on('error', reject);
    pour(request, upload);
  });
  ways[`HTTP/2${over}`] = (target, upload) => new Promise((resolve, reject) => {
    const session = connect(secure);
    const stream = session.request({ ':authority': host, ':path': target, ':method': upload ? 'POST' : 'GET' }, { endStream: !upload });
    stream.on('response', () => resolve({ stream, end: () => session.destroy() }));
    stream.on('error', reject);
    if (upload) pour(stream, upload);
  });
}
function pour(into, left = 0) {
  const more = () => {
    while (left > 0) {
      left -= piece.length;
      if (!into.write(piece)) return into.once('drain', more);
    }
    into.end();
  };
  more();
}
async function count(stream) {
  let size = 0;
  for await (const data of stream) size += data.length;
  return size;
}

for (const [name, ask] of Object.entries(ways)) {
  test(`${name}: 200 MiB down and up, and memory hardly grows`, { timeout: 300000 }, async () => {
    for (const target of ['/down?mib=200', '/down?mib=200&chunked']) {
      const { grown, result } = await growth(async () => { const answer = await ask(target); const size = await count(answer.stream); answer.end(); return size; });
      assert.equal(result, 200 * MiB);
      assert.ok(grown < 32 * MiB, `${target}: ${grown >> 10} KiB more`);
    }
    const { grown, result } = await growth(async () => {
      const answer = await ask('/up', 200 * MiB);
      let text = '';
      for await (const data of answer.stream) text += data;
      answer.end();
      return Number(text);
    });
    assert.equal(result, 200 * MiB);
    assert.ok(grown < 32 * MiB, `${grown >> 10} KiB more for an upload`);
  });

  test(`${name}: who reads slowly holds the application back, not our memory`, { timeout: 120000 }, async () => {
    const readers = 10, mib = 100;
    sent = 0;
    const answers = [];
    const { grown } = await growth(async () => {
      for (let i = 0; i < readers; ++i) answers.push(await ask(`/down?mib=${mib}`));   // the heads are read, nothing else
      for (let seen = -1; seen !== sent;) { seen = sent; await sleep(500); }           // until nothing moves any more
    });
    assert.ok(sent < readers * mib * MiB / 2, `the application could send ${sent / MiB} MiB`);
    assert.ok(grown < 32 * MiB, `${grown >> 10} KiB more`);
    assert.equal(await count(answers[0].stream), mib * MiB, 'and whoever begins to read gets it all');
    for (const answer of answers) { answer.stream.on('error', () => {}); answer.end(); }
  });
}

// ---- Idle connections.
const preface = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]);
const get1 = Buffer.from(`GET /idle HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
const get2 = (() => {
  const text = (t) => Buffer.concat([Buffer.from([t.length]), Buffer.from(t)]);
  const block = Buffer.concat([[':method', 'GET'], [':scheme', 'http'], [':path', '/idle'], [':authority', host]].map(([n, v]) => Buffer.concat([Buffer.from([0]), text(n), text(v)])));
  const head = Buffer.alloc(9);
  head.writeUIntBE(block.length, 0, 3);
  head[3] = 1;
  head[4] = 5;
  head.writeUInt32BE(1, 5);
  return Buffer.concat([preface, head, block]);
})();

// A connection that has had its answer and stays.
function idle(port, bytes, answered) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1');
    let got = Buffer.alloc(0);
    socket.on('error', reject);
    socket.on('connect', () => socket.write(bytes));
    socket.on('data', (d) => { if (got) { got = Buffer.concat([got, d]); if (answered(got)) { got = undefined; resolve(socket); } } });
  });
}
const answered1 = (bytes) => bytes.includes('\r\n\r\n0');
const answered2 = (bytes) => { for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) if (bytes.readUInt32BE(at + 5) === 1 && bytes[at + 4] & 1 && bytes[at + 3] < 2) return true; return false; };

// Soft limits of this process and of the program; the program raises its own as far as it may.
const files = (pid) => Number(/Max open files\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/limits`, 'utf8'))[1]);

for (const [name, bytes, answered, each] of [['HTTP/1.1', get1, answered1, 12 * 1024], ['HTTP/2', get2, answered2, 48 * 1024]]) {
  test(`${name}: 10,000 idle connections cost little, and others are served`, { timeout: 240000 }, async (t) => {
    try { execFileSync('prlimit', ['--pid', String(house.pid), '--nofile=24000:24000']); execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=24000:24000']); } catch { /* as far as it goes */ }
    const room = Math.min(files(house.pid), files(process.pid)) - 500;
    const wanted = Math.min(10000, room);
    if (wanted < 10000) t.diagnostic(`only ${wanted} connections: this machine allows no more open files`);
    for (let i = 0; i < 200; ++i) (await idle(ports.plain, bytes, answered)).destroy();   // what is made once is there
    const before_ = status('VmRSS');
    const sockets = [];
    while (sockets.length < wanted) sockets.push(...await Promise.all(Array.from({ length: Math.min(100, wanted - sockets.length) }, () => idle(ports.plain, bytes, answered))));
    const grown = (status('VmRSS') - before_) / wanted;
    t.diagnostic(`${Math.round(grown)} bytes each`);
    assert.ok(grown < each, `${Math.round(grown)} bytes for each connection`);
    for (const [way, ask] of Object.entries(ways)) {
      const answer = await ask('/others');
      assert.equal(await count(answer.stream), 1, way);
      answer.end();
    }
    assert.ok(sockets.every((s) => !s.destroyed), 'none was given up');
    for (const socket of sockets) socket.destroy();
  });
}

// ---- What a listener may be told about HTTP/2.
const settings = async (port) => {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  await new Promise((resolve, reject) => { session.on('remoteSettings', resolve); session.on('error', reject); });
  const { maxConcurrentStreams, initialWindowSize } = session.remoteSettings;
  session.close();
  return { maxConcurrentStreams, initialWindowSize };
};

test('a listener says how many streams and how large windows', async () => {
  assert.deepEqual(await settings(ports.plain), { maxConcurrentStreams: 100, initialWindowSize: 256 * 1024 });
  assert.deepEqual(await settings(ports.few), { maxConcurrentStreams: 3, initialWindowSize: 128 * 1024 });
});

test('a listener may speak HTTP/1.1 only', async () => {
  await assert.rejects(settings(ports.old));
  const socket = tls.connect({ host: '127.0.0.1', port: ports.oldTls, servername: host, rejectUnauthorized: false, ALPNProtocols: ['h2', 'http/1.1'] });
  await new Promise((r) => socket.on('secureConnect', r));
  assert.equal(socket.alpnProtocol, 'http/1.1');
  socket.destroy();
});

test('h2load: many connections with many streams, uploads too, and nothing is lost', { timeout: 120000 }, async () => {
  const dir = folder('h2load');
  fs.writeFileSync(path.join(dir, 'body'), Buffer.alloc(100_000, 'b'));
  const load = async (...args) => (await promisify(execFile)('h2load', [...args, '-H', `:authority: ${host}`])).stdout;
  const many = await load('-n', '20000', '-c', '10', '-m', '50', `https://127.0.0.1:${ports.tls}/many`);
  assert.match(many, /20000 succeeded, 0 failed, 0 errored/);
  const up = await load('-n', '500', '-c', '10', '-m', '10', '-d', path.join(dir, 'body'), `http://127.0.0.1:${ports.plain}/up`);
  assert.match(up, /500 succeeded, 0 failed, 0 errored/);
  const few = await load('-n', '500', '-c', '5', '-m', '3', `http://127.0.0.1:${ports.few}/few`);
  assert.match(few, /500 succeeded, 0 failed, 0 errored/);
});
