// Limits, CORS, compression and rewriting of the real program; two of them that count together, and their Redis killed.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import zlib from 'node:zlib';
import { after, before, test } from 'node:test';
import { folder, remember, serve, sleep } from './lib/gatehouse.js';

const password = remember('redis-password-for-traffic-tests');
const text = 'a line that repeats itself\n'.repeat(500);
let upstream, redis, redisPort, one, two;

const freePort = () => new Promise((r) => { const s = net.createServer().listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => r(port)); }); });

function startRedis() {
  redis = spawn('redis-server', ['--port', String(redisPort), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--requirepass', password], { stdio: 'ignore' });
  redis.on('error', (error) => { throw error; });
}
after(() => redis?.kill('SIGKILL'));

function answer(request, reply) {
  if (request.url === '/events') {
    reply.writeHead(200, { 'Content-Type': 'text/event-stream' });
    reply.write('data: 1\n\n');
    request.socket.on('close', () => reply.destroy());   // the second never comes
    return;
  }
  if (request.url === '/text') { reply.writeHead(200, { 'Content-Type': 'text/plain', ETag: '"1"' }); reply.end(text); return; }
  reply.end(JSON.stringify({ url: request.url, headers: request.headers }));
}

const limit = (name, more) => `limits: [{requests: 5, per: 1h, name: ${name}, shared: true, ${more}}]`;
async function gateway(to) {
  const port = await freePort();
  const dir = folder('traffic');
  fs.writeFileSync(path.join(dir, 'gatehouse.yaml'), `
data: data
listeners: [{port: ${port}}]
log: {level: debug, form: json}
org: {hosts: ["127.0.0.1"]}
shared: {redis: "redis://127.0.0.1:${redisPort}/1", password: "env:REDIS_PASSWORD", timeout: 2s}
gateway:
  defaults: {security_headers: true}
  hosts:
    - host: app.localhost
      routes:
        - {path: /, upstream: "${to}", open: true, compress: true, cors: {origins: ["https://page.example"]}}
        - {path: /together, upstream: "${to}", open: true, ${limit('together', 'without_store: local')}}
        - {path: /closed, upstream: "${to}", open: true, ${limit('closed', 'without_store: closed')}}
        - {path: /open, upstream: "${to}", open: true, ${limit('open', 'without_store: open')}}
        - {path: /api, upstream: "${to}", open: true, rewrite: {strip_prefix: /api, add_prefix: /v2}}
        - {path: /old, open: true, redirect: {to: "https://new.example/docs", keep_rest: true}}
        - {path: /gone, open: true, respond: {status: 410, body: "gone"}}
        - {path: /repairs, upstream: "${to}", open: true, maintenance: {while: "${dir}/closed", retry_after: 2m}}
`);
  const house = await serve(path.join(dir, 'gatehouse.yaml'), { env: { REDIS_PASSWORD: password } });
  return Object.assign(house, { listen: port, dir });
}

before(async () => {
  upstream = http.createServer(answer).listen(0, '127.0.0.1');
  await new Promise((r) => upstream.on('listening', r));
  redisPort = await freePort();
  startRedis();
  const to = `http://127.0.0.1:${upstream.address().port}`;
  [one, two] = [await gateway(to), await gateway(to)];
  for (const house of [one, two]) while (!house.log().includes('redis.connected')) await sleep(20);
});
after(async () => {
  upstream?.closeAllConnections();
  upstream?.close();
  for (const house of [one, two]) if (house) assert.equal(await house.stop(), 0);
});

function ask(house, target, { method = 'GET', headers = {} } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({ port: house.listen, host: '127.0.0.1', path: target, method, agent: false, headers: { Host: `app.localhost:${house.listen}`, ...headers } }, (reply) => {
      const pieces = [];
      reply.on('data', (d) => pieces.push(d));
      reply.on('end', () => resolve({ status: reply.statusCode, headers: reply.headers, body: Buffer.concat(pieces) }));
    });
    request.on('error', reject);
    request.setTimeout(15000, () => request.destroy(new Error('too slow')));
    request.end();
  });
}

test('two gateways count one limit together', async () => {
  const seen = [];
  for (let i = 0; i < 8; ++i) seen.push((await ask(i % 2 ? one : two, '/together')).status);
  assert.deepEqual(seen, [200, 200, 200, 200, 200, 429, 429, 429]);
  const refused = await ask(one, '/together');
  assert.match(refused.headers['ratelimit'], /^"together";r=0;t=\d+$/);
  assert.equal(refused.headers['ratelimit-policy'], '"together";q=5;w=3600');
  assert.ok(Number(refused.headers['retry-after']) >= 1);
});

test('streams are compressed without being held back, and pages as a whole', async () => {
  const first = await new Promise((resolve, reject) => {
    const unzip = zlib.createGunzip();
    const request = http.get({ port: one.listen, host: '127.0.0.1', path: '/events', agent: false, headers: { Host: 'app.localhost', 'Accept-Encoding': 'gzip' } }, (reply) => {
      assert.equal(reply.headers['content-encoding'], 'gzip');
      reply.pipe(unzip);
      unzip.once('data', (d) => { resolve(String(d)); request.destroy(); });
      unzip.on('error', () => {});
    });
    request.on('error', (error) => { if (error.code !== 'ECONNRESET') reject(error); });
  });
  assert.equal(first, 'data: 1\n\n');
  const page = await ask(one, '/text', { headers: { 'Accept-Encoding': 'br;q=0.9, gzip;q=0.1' } });
  assert.equal(page.headers['content-encoding'], 'br');
  assert.equal(page.headers.etag, 'W/"1"');
  assert.equal(String(zlib.brotliDecompressSync(page.body)), text);
});

test('a page of a listed origin may ask, another may not', async () => {
  const preflight = (origin) => ask(one, '/x', { method: 'OPTIONS', headers: { Origin: origin, 'Access-Control-Request-Method': 'GET' } });
  assert.equal((await preflight('https://page.example')).headers['access-control-allow-origin'], 'https://page.example');
  const other = await preflight('https://other.example');
  assert.equal(other.headers['access-control-allow-origin'], undefined);
  assert.equal(other.headers['x-content-type-options'], 'nosniff', 'a default of the whole gateway');
});

test('addresses are rewritten, redirected, answered and closed', async () => {
  assert.equal(JSON.parse((await ask(one, '/api/users?x=1')).body).url, '/v2/users?x=1');
  const moved = await ask(one, '/old/a/b');
  assert.equal(moved.status, 308);
  assert.equal(moved.headers.location, 'https://new.example/docs/a/b');
  assert.equal((await ask(one, '/gone')).status, 410);
  assert.equal((await ask(one, '/repairs')).status, 200);
  fs.writeFileSync(path.join(one.dir, 'closed'), '');
  let closed;
  do { await sleep(100); closed = await ask(one, '/repairs'); } while (closed.status !== 503);
  assert.equal(closed.headers['retry-after'], '120');
});

test('Redis killed in the middle: each limit behaves as configured, and counts together again afterwards', async () => {
  assert.equal((await ask(one, '/closed')).status, 200);
  redis.kill('SIGKILL');
  while (!(one.log().includes('redis.lost') && two.log().includes('redis.lost'))) await sleep(20);
  assert.equal((await ask(one, '/closed')).status, 503);
  for (let i = 0; i < 7; ++i) assert.equal((await ask(one, '/open')).status, 200);
  const local = [];
  for (let i = 0; i < 7; ++i) local.push((await ask(one, '/together')).status);
  assert.deepEqual(local, [200, 200, 200, 200, 200, 429, 429], 'each counts for itself');
  assert.equal((await ask(two, '/together')).status, 200);
  startRedis();
  let back;
  do { await sleep(50); back = await ask(one, '/closed'); } while (back.status === 503);
  assert.equal(back.status, 200);
});
