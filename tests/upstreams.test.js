// Pools of servers behind the real program: who is asked, who is left alone, who comes back.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import { after, test } from 'node:test';
import { folder, serve, sleep } from './lib/gatehouse.js';

const closing = [];
after(() => { for (const close of closing) close(); });

async function freePort() {
  const s = net.createServer().listen(0, '127.0.0.1');
  await once(s, 'listening');
  const { port } = s.address();
  s.close();
  await once(s, 'close');
  return port;
}

// A server that says its name and counts what it is asked; `server.sick` fails its health check, `server.hold` keeps answers back.
async function upstream(name, { port = 0, address = '127.0.0.1', tls } = {}) {
  const state = { name, asked: 0, checks: [], held: [], sick: false, hold: false };
  const answer = (request, reply) => {
    if (request.url === '/healthz') {
      state.checks.push(request.headers);
      reply.writeHead(state.sick ? 500 : 200).end();
      return;
    }
    state.asked += 1;
    const done = () => reply.end(JSON.stringify({ name, certificate: request.socket.getPeerCertificate?.()?.subject?.CN, host: request.headers.host }));
    if (state.hold) state.held.push(done);
    else done();
  };
  const server = tls ? https.createServer(tls, answer) : http.createServer(answer);
  server.listen(port, address);
  await once(server, 'listening');
  state.port = server.address().port;
  state.url = `${tls ? 'https' : 'http'}://127.0.0.1:${state.port}`;
  state.close = () => { server.closeAllConnections(); server.close(); };
  state.release = () => { for (const done of state.held.splice(0)) done(); };
  closing.push(state.close);
  return state;
}

async function gateway(pool, { env, wrap, files = {} } = {}) {
  const dir = folder('upstreams');
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(dir, name), text);
  const file = path.join(dir, 'gatehouse.yaml');
  const [port, operations] = [await freePort(), await freePort()];
  const write = (words) => {
    fs.writeFileSync(file + '.new', `
data: data
listeners: [{port: ${port}}]
operations: {port: ${operations}}
reload_on_change: false
log: {level: debug, form: json}
gateway:
  upstreams:
    - {name: app, ${words}}
  hosts:
    - {host: app.test, routes: [{upstream: app, open: true}]}
`);
    fs.renameSync(file + '.new', file);
  };
  write(pool);
  const house = await serve(file, { env, wrap });
  closing.push(() => house.kill());
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });   // one connection: one loop, whose turns are exact
  const reload = async (words) => {
    const loads = () => house.log().split('"configuration.loaded"').length;
    const before = loads();
    write(words);
    process.kill(house.pid, 'SIGHUP');
    while (loads() === before) await sleep(10);
  };
  const metrics = async () => (await fetch(`http://127.0.0.1:${operations}/metrics`)).text();
  const state = async (target) => new RegExp(`target_state\\{pool="app",target="${target.replaceAll('.', '\\.')}[^"]*",state="([a-z]+)"`).exec(await metrics())?.[1];
  return { house, port, agent, reload, metrics, state, dir };
}

function get(to, { url = '/', headers = {}, agent = to.agent } = {}) {
  return new Promise((resolve, reject) => {
    http.get({ port: to.port, host: '127.0.0.1', path: url, agent, headers: { Host: 'app.test', ...headers } }, (reply) => {
      let body = '';
      reply.on('data', (d) => (body += d));
      reply.on('end', () => resolve({ status: reply.statusCode, headers: reply.headers, body, by: reply.statusCode === 200 ? JSON.parse(body).name : undefined }));
    }).on('error', reject);
  });
}
async function shares(to, times, options = () => ({})) {
  const counts = {};
  for (let i = 0; i < times; ++i) {
    const { by, status } = await get(to, options(i));
    counts[by ?? status] = (counts[by ?? status] ?? 0) + 1;
  }
  return counts;
}
async function until(what, wanted) {
  for (let i = 0; i < 1000; ++i) {
    if (await what() === wanted) return;
    await sleep(20);
  }
  assert.equal(await what(), wanted);
}

test('requests follow the weights', async () => {
  const [a, b] = [await upstream('a'), await upstream('b')];
  const to = await gateway(`targets: [{url: "${a.url}", weight: 3}, "${b.url}"]`);
  assert.deepEqual(await shares(to, 40), { a: 30, b: 10 });
  assert.match(await to.metrics(), new RegExp(`gatehouse_upstream_requests_in_flight\\{pool="app",target="${a.url}"\\} 0`));
  await to.house.stop();
});

test('what is hashed alike meets the same server, also after a restart', async () => {
  const all = [await upstream('a'), await upstream('b'), await upstream('c')];
  const words = `targets: [${all.map((one) => `"${one.url}"`)}], balance: hash, hash: {by: header, name: X-Tenant}`;
  const to = await gateway(words);
  const place = {};
  for (let tenant = 0; tenant < 30; ++tenant) {
    const headers = { 'X-Tenant': `tenant-${tenant}` };
    place[tenant] = (await get(to, { headers })).by;
    for (let i = 0; i < 3; ++i) assert.equal((await get(to, { headers })).by, place[tenant]);
  }
  assert.equal(new Set(Object.values(place)).size, 3, 'thirty tenants are spread over three servers');
  await to.house.stop();
  const again = await serve(path.join(to.dir, 'gatehouse.yaml'));
  closing.push(() => again.kill());
  for (let tenant = 0; tenant < 30; ++tenant) assert.equal((await get(to, { headers: { 'X-Tenant': `tenant-${tenant}` }, agent: false })).by, place[tenant]);
  await again.stop();
});

test('a server that fails its checks gets nothing until it is well', async () => {
  const [a, b] = [await upstream('a'), await upstream('b')];
  const health = 'health: {path: /healthz, interval: 100ms, timeout: 1s, unhealthy_after: 2, healthy_after: 2}';
  const to = await gateway(`targets: ["${a.url}", "${b.url}"], ${health}`);
  await until(() => a.checks.length > 0 && b.checks.length > 0, true);
  assert.deepEqual(await shares(to, 10), { a: 5, b: 5 });
  b.sick = true;
  await until(() => to.state(b.url), 'sick');
  assert.deepEqual(await shares(to, 10), { a: 10 });
  assert.match(to.house.log(), /"upstream\.sick".*answered 500/);
  b.sick = false;
  await until(() => to.state(b.url), 'serving');
  assert.deepEqual(await shares(to, 10), { a: 5, b: 5 });
  a.sick = b.sick = true;
  await until(() => to.state(a.url), 'sick');
  await until(() => to.state(b.url), 'sick');
  const refused = await get(to);
  assert.equal(refused.status, 503);
  assert.equal(refused.headers['retry-after'], '1');
  for (const headers of a.checks) assert.deepEqual(Object.keys(headers).sort(), ['accept', 'host', 'user-agent'], 'a check carries nothing of a client');
  await to.house.stop();
});

test('a server that is gone is left alone, and asked again later', async () => {
  const [a, b] = [await upstream('a'), await upstream('b')];
  const to = await gateway(`targets: ["${a.url}", "${b.url}"], ejection: {failures: 2, base: 1s}`);
  b.close();
  await sleep(20);
  assert.deepEqual(await shares(to, 20), { a: 20 }, 'nobody who asks notices');
  assert.equal(await to.state(b.url), 'ejected');
  assert.match(to.house.log(), /"upstream\.ejected"/);
  const back = await upstream('b', { port: b.port });
  await until(() => to.state(b.url), 'serving');
  assert.deepEqual(await shares(to, 10), { a: 5, b: 5 });
  assert.equal(back.asked, 5);
  await to.house.stop();
});

test('beyond its limit a server gets nothing, and clients hear so at once', async () => {
  const a = await upstream('a');
  a.hold = true;
  const to = await gateway(`targets: ["${a.url}"], limits: {requests_per_target: 2}`);
  const held = [get(to, { agent: false }), get(to, { agent: false })];
  await until(() => a.held.length, 2);
  const refused = await get(to);
  assert.equal(refused.status, 503);
  assert.equal(refused.headers['retry-after'], '1');
  assert.match(await to.metrics(), /gatehouse_upstream_refused_total\{pool="app"\} 1/);
  a.hold = false;
  a.release();
  for (const { by } of await Promise.all(held)) assert.equal(by, 'a');
  assert.equal((await get(to)).status, 200);
  await to.house.stop();
});

test('a server that is drained ends what it has and gets nothing new', async () => {
  const [a, b] = [await upstream('a'), await upstream('b')];
  const to = await gateway(`targets: ["${a.url}", "${b.url}"]`);
  a.hold = b.hold = true;
  const held = [get(to, { agent: false }), get(to, { agent: false }), get(to, { agent: false }), get(to, { agent: false })];
  await until(() => a.held.length + b.held.length, 4);
  const before = a.held.length;
  b.hold = false;
  await to.reload(`targets: [{url: "${a.url}", drain: true}, "${b.url}"]`);
  assert.equal(await to.state(a.url), 'drained');
  const asked = a.asked;
  assert.deepEqual(await shares(to, 10), { b: 10 });
  assert.equal(a.asked, asked);
  assert.match(await to.metrics(), new RegExp(`requests_in_flight\\{pool="app",target="${a.url}"\\} ${before}`), 'what it has is still counted');
  a.release();
  b.release();
  for (const { status } of await Promise.all(held)) assert.equal(status, 200);
  await to.house.stop();
});

test('a reload keeps who is ejected', async () => {
  const [a, b] = [await upstream('a'), await upstream('b')];
  const to = await gateway(`targets: ["${a.url}", "${b.url}"], ejection: {failures: 1, base: 1h, most: 1h}`);
  b.close();
  await sleep(20);
  await shares(to, 4);
  assert.equal(await to.state(b.url), 'ejected');
  await to.reload(`targets: [{url: "${a.url}", weight: 2}, "${b.url}"], ejection: {failures: 1, base: 1h, most: 1h}`);
  assert.equal(await to.state(b.url), 'ejected');
  assert.deepEqual(await shares(to, 6), { a: 6 });
  await to.house.stop();
});

function authority() {
  const dir = folder('authority');
  const openssl = (...args) => execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' });
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...ec, '-days', '2', '-subj', '/CN=Test CA', '-keyout', 'ca.key', '-out', 'ca.pem');
  for (const [name, alternative] of [['server', 'DNS:app.internal'], ['gateway', 'DNS:gateway.internal']]) {
    fs.writeFileSync(path.join(dir, `${name}.ext`), `subjectAltName=${alternative}`);
    openssl('req', ...ec, '-subj', `/CN=${name}`, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    openssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', `${name}.ext`, '-out', `${name}.pem`);
  }
  return (name) => fs.readFileSync(path.join(dir, name), 'utf8');
}

test('a server that asks for a certificate sees ours, and is checked against its own authority and name', async () => {
  const file = authority();
  const a = await upstream('a', { tls: { key: file('server.key'), cert: file('server.pem'), ca: file('ca.pem'), requestCert: true, rejectUnauthorized: true } });
  const files = { 'ca.pem': file('ca.pem'), 'gateway.pem': file('gateway.pem') };
  const keyFile = path.join(folder('key'), 'gateway.key');
  fs.writeFileSync(keyFile, file('gateway.key'), { mode: 0o600 });
  const words = (tls) => `targets: ["${a.url}"], tls: {${tls}}`;
  const full = `ca: ca.pem, server_name: app.internal, client_certificate: gateway.pem, client_key: "file:${keyFile}", min_version: "1.3"`;
  const to = await gateway(words(full), { files });
  assert.equal(JSON.parse((await get(to)).body).certificate, 'gateway');
  await to.reload(words('ca: ca.pem, server_name: app.internal'));
  assert.equal((await get(to)).status, 502, 'without a certificate of ours');
  await to.reload(words(full.replace('app.internal', 'other.internal')));
  assert.equal((await get(to)).status, 502, 'another name');
  await to.reload(words(full.replace('ca: ca.pem', 'ca: system')));
  assert.equal((await get(to)).status, 502, 'another authority');
  await to.reload(words(full));
  assert.equal((await get(to)).status, 200);
  fs.writeFileSync(keyFile, 'no key');
  process.kill(to.house.pid, 'SIGHUP');
  await until(() => to.house.log().includes('"configuration.refused"'), true);
  assert.match(to.house.log(), /upstream app: cannot use the client certificate and its key/);
  assert.equal((await get(to)).status, 200, 'a key that cannot be read changes nothing');
  await to.house.stop();
});

const ownHosts = (hosts) => ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', 'mount --bind "$0" /etc/hosts && exec "$@"', hosts];

test('the addresses of a name are servers, and follow the name', async (t) => {
  const hosts = path.join(folder('hosts'), 'hosts');
  fs.writeFileSync(hosts, '127.0.0.1 localhost\n');
  const [command, ...args] = [...ownHosts(hosts), 'true'];
  if (spawnSync(command, args).status !== 0) return t.skip('no private /etc/hosts can be mounted here');
  const a = await upstream('a');
  const b = await upstream('b', { port: a.port, address: '127.0.0.2' });
  const to = await gateway(`targets: ["http://app.internal:${a.port}"], resolve_every: 100ms`, { wrap: ownHosts(hosts) });
  assert.equal((await get(to)).status, 502, 'a name that is not there yet is no fault of the configuration');
  const name = (...addresses) => fs.writeFileSync(hosts, '127.0.0.1 localhost\n' + addresses.map((one) => `${one} app.internal\n`).join(''));
  const size = async () => (await to.metrics()).match(/target_state\{pool="app",target="[^"]* at 127/g)?.length ?? 0;
  name('127.0.0.1');
  await until(size, 1);
  const answer = await get(to);
  assert.equal(answer.by, 'a');
  assert.equal(JSON.parse(answer.body).host, 'app.test');
  name('127.0.0.1', '127.0.0.2');
  await until(size, 2);
  assert.deepEqual(await shares(to, 10), { a: 5, b: 5 });
  name('127.0.0.2');
  await until(size, 1);
  assert.deepEqual(await shares(to, 10), { b: 10 });
  name();
  await until(() => to.house.log().includes('"upstream.look_up_failed"'), true);
  await sleep(300);
  assert.deepEqual(await shares(to, 10), { b: 10 }, 'an outage of the name service is none of the application');
  assert.ok(b.asked > 0);
  await to.house.stop();
});
