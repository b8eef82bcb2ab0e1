// What a client notices of an upstream that dies, stalls or is too busy: as little as can be without doing anything twice.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { folder, serve, sleep } from './lib/gatehouse.js';

async function listening(server, port = 0) {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}
const portOf = (server) => server.address().port;
async function freePort() {
  const server = await listening(net.createServer());
  const port = portOf(server);
  server.close();
  await once(server, 'close');
  return port;
}

const patient = 'retry: {attempts: 10, on: [connect, reset], backoff: 20ms, backoff_max: 400ms}';

// `routes`: [{ path, to: port, more }].
async function house(routes) {
  const dir = folder('retries');
  const port = await freePort();
  const file = path.join(dir, 'gatehouse.yaml');
  const write = (comment = '') => {
    const lines = routes.map(({ path: at, to, more = '' }) => `        - {path: ${at}, upstream: "http://127.0.0.1:${to}", open: true${more && ', ' + more}}`);
    fs.writeFileSync(file + '.new', `data: data\nlisteners: [{port: ${port}}]\nlog: {level: info, form: json}\ngateway:   # ${comment}\n  hosts:\n    - host: app.test\n      routes:\n${lines.join('\n')}\n`);
    fs.renameSync(file + '.new', file);
  };
  write();
  return Object.assign(await serve(file), { port, dir, write });
}

function ask(port, target, { method = 'GET', headers = {}, body, agent } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({ port, host: '127.0.0.1', path: target, method, agent, headers: { Host: 'app.test', ...headers } }, (reply) => {
      let text = '';
      reply.on('data', (d) => (text += d));
      reply.on('end', () => resolve({ status: reply.statusCode, body: text }));
      reply.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function until(condition, what) {
  for (let i = 0; i < 400; i++) { if (await condition()) return; await sleep(25); }
  assert.fail(`never: ${what}`);
}

class Dying {
  constructor(dir, port) { this.port = port; this.log = path.join(dir, 'upstream.log'); fs.writeFileSync(this.log, ''); }
  async start() {
    this.child = spawn(process.execPath, [new URL('./lib/dying_upstream.js', import.meta.url).pathname, String(this.port), this.log], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(this.child.stdout, 'data');
  }
  async kill() {
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }
  begun() { return fs.readFileSync(this.log, 'utf8').split('\n').filter(Boolean); }
}

test('an upstream that is killed and started again under load: only what may not be sent again fails', async () => {
  const port = await freePort();
  const dying = new Dying(folder('dying'), port);
  await dying.start();
  const h = await house([{ path: '/', to: port, more: patient }]);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 24 });
  const asked = [];
  const kills = [];
  let going = true, last = 0;
  const client = async (method) => {
    while (going) {
      const id = String(++last);
      const one = { id, method, from: performance.now() };
      const answer = await ask(h.port, '/', { method, agent, headers: { 'X-Id': id }, body: method === 'POST' ? 'pay' : undefined }).catch((fault) => ({ status: 0, body: String(fault) }));
      asked.push(Object.assign(one, { to: performance.now(), fine: answer.status === 200 && answer.body === id, answer }));
    }
  };
  const clients = Array.from({ length: 24 }, (_, i) => client(i % 3 ? 'GET' : 'POST'));
  for (let i = 0; i < 3; i++) {
    await sleep(400);
    kills.push(performance.now());
    await dying.kill();
    await dying.start();
  }
  await sleep(300);
  going = false;
  await Promise.all(clients);

  const failed = asked.filter((one) => !one.fine);
  assert.deepEqual(failed.filter((one) => one.method === 'GET'), []);
  // Whoever failed was under way when the upstream died, or was sent to it before its end was heard: at most two for each client
  // and death.
  for (const one of failed) assert.ok(kills.some((at) => one.from < at + 50 && one.to > at), JSON.stringify(one));
  assert.ok(failed.length <= 2 * 8 * kills.length, String(failed.length));
  for (const one of failed) assert.equal(one.answer.status, 502);
  const begun = new Map();
  for (const line of dying.begun()) begun.set(line, (begun.get(line) ?? 0) + 1);
  const twice = [...begun].filter(([line, times]) => line.startsWith('POST') && times > 1);
  assert.deepEqual(twice, []);
  const answered = asked.filter((one) => one.fine && one.method === 'POST');
  for (const one of answered) assert.equal(begun.get(`POST ${one.id}`), 1);
  // Those that were begun and not answered are among the failed, and nobody else is.
  const lost = [...begun.keys()].filter((line) => line.startsWith('POST')).filter((line) => !answered.some((one) => line === `POST ${one.id}`));
  for (const line of lost) assert.ok(failed.some((one) => line === `POST ${one.id}`), line);
  assert.ok(asked.length > 300, String(asked.length));
  agent.destroy();
  await dying.kill();
  await h.stop();
});

test('a connection that the upstream closes while it is idle is never a failed GET, and no POST is done twice', async () => {
  const seen = [];
  const upstream = await listening(net.createServer((socket) => {   // keep-alive of a few milliseconds
    let timer;
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      clearTimeout(timer);
      for (const [, method, id] of bytes.toString().matchAll(/^(GET|POST) \/(\d+)/gm)) {
        seen.push(`${method} ${id}`);
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      }
      timer = setTimeout(() => socket.end(), 4);
    });
  }));
  const h = await house([{ path: '/', to: portOf(upstream) }]);
  const agent = new http.Agent({ keepAlive: true });
  let last = 0;
  const faults = [];
  const client = async (method) => {
    for (let i = 0; i < 250; i++) {
      const answer = await ask(h.port, `/${++last}`, { method, agent }).catch((fault) => ({ status: 0, body: String(fault) }));
      if (answer.status !== 200) faults.push(`${method} ${answer.status} ${answer.body}`);
      await sleep(2 + (i * 7) % 6);
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, i) => client(i < 7 ? 'GET' : 'POST')));
  assert.deepEqual(faults.filter((fault) => fault.startsWith('GET')), []);
  const posts = seen.filter((line) => line.startsWith('POST'));
  assert.equal(new Set(posts).size, posts.length);
  agent.destroy();
  await h.stop();
  upstream.close();
});

test('deadlines: a silent upstream is told as 504; a GET is tried again, a POST is not', async () => {
  let asked = 0;
  const silent = await listening(http.createServer(() => { asked++; }));
  const to = portOf(silent);
  const h = await house([
    { path: '/total', to, more: 'timeouts: {total: 300ms}' },
    { path: '/tries', to, more: 'retry: {attempts: 3, on: [timeout], backoff: 1ms}, timeouts: {per_try: 100ms, total: 5s}' },
  ]);
  assert.equal((await ask(h.port, '/total')).status, 504);
  assert.equal(asked, 1);
  assert.equal((await ask(h.port, '/tries')).status, 504);
  assert.equal(asked, 4);
  assert.equal((await ask(h.port, '/tries', { method: 'POST', body: 'x' })).status, 504);
  assert.equal(asked, 5);
  await h.stop();
  silent.closeAllConnections();
  silent.close();
});

test('a large upload is not sent again: 502 when the upstream dies, 413 when it refuses early', async () => {
  let begun = 0;
  const upstream = await listening(net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (bytes) => {
      begun++;
      if (bytes.toString().startsWith('PUT /early')) socket.end('HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmuch');
      else setTimeout(() => socket.resetAndDestroy(), 20);
    });
  }));
  const h = await house([{ path: '/', to: portOf(upstream), more: patient }]);
  const body = Buffer.alloc(8 << 20, 'x');
  const answer = async (target) => ask(h.port, target, { method: 'PUT', body }).catch((fault) => ({ status: fault.code }));
  // (Whoever writes on while the answer comes may see the connection end before it reads: then nothing is told but that.)
  const cut = await answer('/cut');
  assert.ok([502, 'EPIPE', 'ECONNRESET'].includes(cut.status), String(cut.status));
  assert.equal(begun, 1);
  const early = await answer('/early');
  assert.ok([413, 'EPIPE', 'ECONNRESET'].includes(early.status), String(early.status));
  assert.equal(begun, 2);
  // A client that reads as it writes sees the answer.
  const socket = net.connect(h.port, '127.0.0.1');
  socket.write(`PUT /early HTTP/1.1\r\nHost: app.test\r\nContent-Length: ${body.length}\r\n\r\n`);
  socket.write(body.subarray(0, 1 << 20));
  const [first] = await once(socket, 'data');
  assert.match(first.toString(), /^HTTP\/1\.1 413 /);
  socket.destroy();
  await h.stop();
  upstream.close();
});

test('an upstream hears when its client has gone, over HTTP/1.1 and HTTP/2', async () => {
  let asked = 0, left = 0;
  const slow = await listening(http.createServer((request, reply) => {
    asked++;
    reply.on('close', () => { if (!reply.writableEnded) left++; });
  }));
  const h = await house([{ path: '/', to: portOf(slow), more: patient }]);
  const request = http.get({ port: h.port, host: '127.0.0.1', headers: { Host: 'app.test' } });
  request.on('error', () => {});
  await until(() => asked === 1, 'asked over HTTP/1.1');
  request.destroy();
  await until(() => left === 1, 'left over HTTP/1.1');

  const session = http2.connect(`http://127.0.0.1:${h.port}`);
  const streams = [1, 2].map(() => session.request({ ':path': '/', ':authority': 'app.test' }));
  for (const stream of streams) stream.on('error', () => {});
  await until(() => asked === 3, 'asked over HTTP/2');
  streams[0].close(http2.constants.NGHTTP2_CANCEL);
  await until(() => left === 2, 'a reset stream left');
  session.destroy();
  await until(() => left === 3, 'a closed connection left');
  assert.equal(asked, 3, 'nobody who left is asked for again');
  await h.stop();
  slow.closeAllConnections();
  slow.close();
});

test('reloads under load fail no request, however many pools there are', async () => {
  const apps = await Promise.all([0, 1, 2, 3].map((i) => listening(http.createServer((_, reply) => reply.end(`app ${i}`)))));
  const h = await house(apps.map((app, i) => ({ path: `/${i}`, to: portOf(app) })));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
  const faults = [];
  let going = true, done = 0;
  const clients = Array.from({ length: 16 }, async (_, i) => {
    while (going) {
      const answer = await ask(h.port, `/${i % 4}`, { agent, method: i % 2 ? 'GET' : 'POST' }).catch((fault) => ({ status: 0, body: String(fault) }));
      if (answer.body !== `app ${i % 4}`) faults.push(`${answer.status} ${answer.body}`);
      done++;
    }
  });
  for (let round = 0; round < 20; round++) {
    h.write(`round ${round}`);
    h.child.kill('SIGHUP');
    await sleep(100);
  }
  going = false;
  await Promise.all(clients);
  assert.deepEqual(faults, []);
  assert.ok(done > 200, String(done));
  assert.ok(h.log().split('configuration.loaded').length > 10);
  agent.destroy();
  await h.stop();
  for (const app of apps) { app.closeAllConnections(); app.close(); }
});
