// `gatehouse serve` in front of upstreams of our own: what arrives there, what comes back, and what happens when they fail.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { folder, remember, serve, sleep } from './lib/gatehouse.js';
import { Visitor } from './lib/visitor.js';
import { basic } from './lib/oidc.js';

const secret = remember('serve-secret-serve-secret-serve-secret');
let house, upstream, dead, port;

// Tells what it was asked; some paths do more.
function answer(request, reply) {
  if (request.url === '/echo') { reply.writeHead(200, { 'Content-Type': 'application/octet-stream' }); request.pipe(reply); return; }
  if (request.url === '/events') {
    reply.writeHead(200, { 'Content-Type': 'text/event-stream' });
    let n = 0;
    const timer = setInterval(() => { reply.write(`data: ${++n}\n\n`); if (n === 3) { clearInterval(timer); reply.end(); } }, 150);
    return;
  }
  if (request.url === '/trailers') { reply.writeHead(200, { Trailer: 'X-Sum' }); reply.write('body'); reply.addTrailers({ 'X-Sum': '42' }); reply.end(); return; }
  if (request.url === '/hop') { reply.writeHead(200, { 'X-Keep': 'yes', Connection: 'X-Drop', 'X-Drop': 'no', 'Proxy-Authenticate': 'Basic' }); reply.end('hop'); return; }
  if (request.url.startsWith('/cut')) {
    const size = Number(request.url.split('/')[2]);
    reply.writeHead(200, { 'Content-Length': 2 * size });
    reply.write('x'.repeat(size));
    setTimeout(() => reply.destroy(), 50);
    return;
  }
  let size = 0;
  request.on('data', (d) => (size += d.length));
  request.on('end', () => reply.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, raw: request.rawHeaders, size })));
}

before(async () => {
  upstream = http.createServer(answer).listen(0, '127.0.0.1');
  await new Promise((r) => upstream.on('listening', r));
  dead = net.createServer().listen(0, '127.0.0.1');
  await new Promise((r) => dead.on('listening', r));
  const deadPort = dead.address().port;
  dead.close();

  const dir = folder('serve');
  fs.writeFileSync(path.join(dir, 'secret'), secret + '\n', { mode: 0o600 });
  fs.writeFileSync(path.join(dir, 'seed.yaml'), `
apps:
  - {label: Bench, client_id: robot, kind: service, client_secret: "file:${dir}/secret"}
authorization_servers:
  - {id: default, audience: "api://default", scopes: [{name: read}, {name: write}]}
`);
  port = await new Promise((r) => { const s = net.createServer().listen(0, '127.0.0.1', () => { const p = s.address().port; s.close(() => r(p)); }); });
  const to = `http://127.0.0.1:${upstream.address().port}`;
  const issuer = `http://127.0.0.1:${port}/oauth2/default`;
  fs.writeFileSync(path.join(dir, 'gatehouse.yaml'), `
data: data
listeners: [{port: ${port}}]
log: {level: debug, form: json}
org: {hosts: ["127.0.0.1"]}
seed: seed.yaml
gateway:
  hosts:
    - host: open.localhost
      routes:
        - {path: /, upstream: "${to}", open: true}
        - {path: /dead, upstream: "http://127.0.0.1:${deadPort}", open: true}
        - {path: /robots, upstream: "${to}", token: {issuer: "${issuer}", audience: "api://default", scopes: [read], headers: {X-Robot: cid}}}
        - {path: /others, upstream: "${to}", require: {cid: [somebody-else]}, token: {issuer: "${issuer}", audience: "api://default"}}
        - {path: /wrong-audience, upstream: "${to}", token: {issuer: "${issuer}", audience: "api://other"}}
    - host: closed.localhost
      routes:
        - {path: /only, methods: [GET], upstream: "${to}", open: true}
`);
  house = await serve(path.join(dir, 'gatehouse.yaml'));
});
after(async () => {
  upstream?.closeAllConnections();
  upstream?.close();
  assert.equal(await house.stop(), 0);
});

const ask = (target, options = {}, host = 'open.localhost') => new Visitor().send(`http://127.0.0.1:${port}${target}`, { ...options, headers: { Host: `${host}:${port}`, ...options.headers } });
const seen = async (...args) => JSON.parse((await ask(...args)).body);

test('method, path, query and host arrive as they were', async () => {
  const got = await seen('/a/b%20c?x=1&y=%2F', { method: 'PUT', body: 'hello' });
  assert.equal(got.method, 'PUT');
  assert.equal(got.url, '/a/b%20c?x=1&y=%2F');
  assert.equal(got.headers.host, `open.localhost:${port}`);
  assert.equal(got.size, 5);
});

test('who asked is told in X-Forwarded-*, and what the client says about it is not believed', async () => {
  const { headers } = await seen('/', { headers: { 'X-Forwarded-For': '6.6.6.6', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'evil.example', Forwarded: 'for=6.6.6.6' } });
  assert.equal(headers['x-forwarded-for'], '127.0.0.1');
  assert.equal(headers['x-forwarded-proto'], 'http');
  assert.equal(headers['x-forwarded-host'], `open.localhost:${port}`);
  assert.doesNotMatch(JSON.stringify(headers), /6\.6\.6\.6|evil/);
});

test('headers of one connection end there, in both directions', async () => {
  const { headers } = await seen('/', { headers: { Connection: 'keep-alive, X-Mine', 'X-Mine': '1', TE: 'gzip', 'Proxy-Authorization': 'Basic eDp5', 'Keep-Alive': 'timeout=5', 'X-Theirs': '2' } });
  for (const name of ['x-mine', 'te', 'proxy-authorization', 'keep-alive']) assert.equal(headers[name], undefined, name);
  assert.equal(headers['x-theirs'], '2');
  const back = await ask('/hop');
  assert.equal(back.headers['x-keep'], 'yes');
  assert.equal(back.headers['x-drop'], undefined);
});

test('32 MiB go through and come back unchanged, without being kept in memory', { timeout: 60000 }, async () => {
  const rss = () => Number(fs.readFileSync(`/proc/${house.pid}/status`, 'utf8').match(/VmRSS:\s+(\d+)/)[1]);
  const before = rss();
  const piece = crypto.randomBytes(1024 * 1024), sent = crypto.createHash('sha256'), received = crypto.createHash('sha256');
  await new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port, path: '/echo', method: 'POST', headers: { Host: `open.localhost:${port}` } }, (reply) => {
      assert.equal(reply.statusCode, 200);
      reply.on('data', (d) => received.update(d));
      reply.on('end', resolve);
      reply.on('error', reject);
    });
    request.on('error', reject);
    (async () => {
      for (let i = 0; i < 32; ++i) { sent.update(piece); if (!request.write(piece)) await new Promise((r) => request.once('drain', r)); }
      request.end();
    })();
  });
  assert.equal(received.digest('hex'), sent.digest('hex'));
  assert.ok(rss() - before < 16 * 1024, `${rss() - before} KiB more`);
});

test('events come when they happen', async () => {
  const times = [];
  await new Promise((resolve) => http.get({ host: '127.0.0.1', port, path: '/events', headers: { Host: `open.localhost:${port}` } }, (reply) => {
    reply.on('data', () => times.push(Date.now()));
    reply.on('end', resolve);
  }));
  assert.ok(times.length >= 3);
  assert.ok(times.at(-1) - times[0] >= 200, 'not all at once');
});

test('trailers pass', async () => {
  const trailers = await new Promise((resolve) => http.get({ host: '127.0.0.1', port, path: '/trailers', headers: { Host: `open.localhost:${port}`, TE: 'trailers' } }, (reply) => {
    reply.resume();
    reply.on('end', () => resolve(reply.trailers));
  }));
  assert.equal(trailers['x-sum'], '42');
});

test('an upstream that answers an upgrade with a page opens no tunnel (CVE-2024-23326)', async () => {
  const socket = net.connect(port, '127.0.0.1');
  socket.write(`GET /ws HTTP/1.1\r\nHost: open.localhost:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`);
  let text = '';
  socket.on('data', (d) => (text += d));
  for (let i = 0; i < 60 && !text.includes('\r\n\r\n'); ++i) await sleep(50);
  assert.match(text, /^HTTP\/1\.1 502 /);
  socket.destroy();
});

test('an upstream that is away is 502, and the others work', async () => {
  const away = await ask('/dead');
  assert.ok([502, 503].includes(away.status), String(away.status));
  assert.equal((await ask('/alive')).status, 200);
});

test('an answer that breaks off is not passed off as whole', async () => {
  await assert.rejects(ask('/cut/1000000'), /aborted|ECONNRESET|socket hang up/);
  const short = await ask('/cut/10').catch((error) => ({ status: 502, error }));
  assert.equal(short.status, 502, 'nothing had been sent yet: the gateway can still say so');
});

test('what has no route is refused', async () => {
  assert.equal((await ask('/only', {}, 'closed.localhost')).status, 200);
  for (const target of ['/', '/onlyx', '/other']) assert.ok([403, 404].includes((await ask(target, {}, 'closed.localhost')).status), target);
  assert.equal((await ask('/only', { method: 'POST', body: '' }, 'closed.localhost')).status, 405);
});

test('tokens, audiences and claims as the file says', async () => {
  const grant = await fetch(`http://127.0.0.1:${port}/oauth2/default/v1/token`, {
    method: 'POST', headers: { Authorization: basic({ client_id: 'robot', client_secret: secret }) }, body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'read' }),
  });
  const { access_token } = await grant.json();
  remember(access_token);
  const headers = { Authorization: `Bearer ${access_token}` };
  assert.equal((await seen('/robots', { headers: { ...headers, 'X-Robot': 'mallory' } })).headers['x-robot'], 'robot');
  assert.equal((await ask('/robots')).status, 401);
  assert.equal((await ask('/others', { headers })).status, 403);
  assert.equal((await ask('/wrong-audience', { headers })).status, 401);
  assert.equal((await seen('/', { headers: { 'X-Robot': 'mallory' } })).headers['x-robot'], undefined, 'a managed name is nobody\'s, on no route');
});
