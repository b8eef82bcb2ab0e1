// What the program tells of itself: a line per request, numbers for Prometheus, spans for a collector.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { execute, folder, remember, run, serve, sleep } from './lib/gatehouse.js';
import { Visitor } from './lib/visitor.js';
import { basic } from './lib/oidc.js';

const secret = remember('observe-secret-observe-secret-observe');
const collectorKey = remember('collector-key-collector-key-collector');
const accessLog = path.join(run, `observe-access-${process.pid}.log`);   // where the search for secrets finds it
let house, upstream, collector, port, operations, token;
const arrived = [], exports_ = [];
let collectorStatus = 200;

async function freePort() {
  const s = net.createServer().listen(0, '127.0.0.1');
  await once(s, 'listening');
  const { port: p } = s.address();
  s.close();
  await once(s, 'close');
  return p;
}

before(async () => {
  upstream = http.createServer((request, reply) => {
    arrived.push(request);
    request.resume();
    request.on('end', () => { reply.statusCode = request.url.startsWith('/broken') ? 500 : 200; reply.end('answer'); });
  }).listen(0, '127.0.0.1');
  collector = http.createServer((request, reply) => {
    let body = '';
    request.on('data', (d) => (body += d));
    request.on('end', () => {
      if (collectorStatus === 200) exports_.push({ url: request.url, headers: request.headers, body: JSON.parse(body) });
      reply.writeHead(collectorStatus, { 'Content-Type': 'application/json' });
      reply.end('{}');
    });
  }).listen(0, '127.0.0.1');
  await Promise.all([upstream, collector].map((s) => s.listening || once(s, 'listening')));

  const dir = folder('observe');
  fs.writeFileSync(path.join(dir, 'secret'), secret + '\n', { mode: 0o600 });
  fs.writeFileSync(path.join(dir, 'seed.yaml'), `
apps:
  - {label: Bench, client_id: robot, kind: service, client_secret: "file:${dir}/secret"}
authorization_servers:
  - {id: default, audience: "api://default", scopes: [{name: read}]}
`);
  port = await freePort();
  operations = await freePort();
  const dead = await freePort();
  const to = `http://127.0.0.1:${upstream.address().port}`;
  const issuer = `http://127.0.0.1:${port}/oauth2/default`;
  fs.writeFileSync(path.join(dir, 'gatehouse.yaml'), `
data: data
listeners: [{port: ${port}}]
operations: {port: ${operations}}
log: {level: debug, form: json}
org: {hosts: ["127.0.0.1"]}
seed: seed.yaml
access_log: {file: "${accessLog}", exclude: [/quiet]}
telemetry: {otlp: "http://127.0.0.1:${collector.address().port}", sample: 1, service_name: edge, headers: {X-Key: "env:COLLECTOR_KEY"}}
gateway:
  hosts:
    - host: app.test
      routes:
        - {path: /, upstream: "${to}", open: true}
        - {path: /dead, upstream: "http://127.0.0.1:${dead}", open: true}
        - {path: /robots, upstream: "${to}", token: {issuer: "${issuer}", audience: "api://default", scopes: [read]}}
        - {path: /stricter, upstream: "${to}", open: true, shadow_policy: [{allow: {methods: [GET]}}]}
        - {path: /looser, upstream: "${to}", open: true, policy: [{allow: {methods: [GET]}}, {allow: {everybody: true}, shadow: true}]}
`);
  house = await serve(path.join(dir, 'gatehouse.yaml'), { env: { COLLECTOR_KEY: collectorKey } });
  const answer = await new Visitor().send(`${issuer}/v1/token`, {
    method: 'POST', body: 'grant_type=client_credentials&scope=read',
    headers: { Authorization: basic({ client_id: 'robot', client_secret: secret }), 'Content-Type': 'application/x-www-form-urlencoded' },
  });
  token = remember(JSON.parse(answer.body).access_token);
  assert.ok(token, answer.body);
});
after(async () => {
  assert.equal(await house?.stop(), 0);
  for (const s of [upstream, collector]) { s?.closeAllConnections(); s?.close(); }
});

const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
function ask(target, { host = 'app.test', method = 'GET', headers = {}, body, at = port } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port: at, path: target, method, agent, headers: { Host: host, ...headers } }, (reply) => {
      let text = '';
      reply.on('data', (d) => (text += d));
      reply.on('end', () => resolve({ status: reply.statusCode, headers: reply.headers, body: text }));
      reply.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function until(find, what) {
  for (let i = 0; i < 400; i++) { const found = await find(); if (found) return found; await sleep(25); }
  return assert.fail(`never: ${what}`);
}

const lines = (file = accessLog) => fs.readFileSync(file, 'utf8').split('\n').filter(Boolean).map((l) => JSON.parse(l));
const lineOf = (id, file) => until(() => lines(file).find((l) => l.path?.endsWith(id)), `a line for ${id}`);
const spans = () => exports_.flatMap((e) => e.body.resourceSpans.flatMap((r) => r.scopeSpans.flatMap((s) => s.spans)));
const attribute = (span, key) => { const a = span.attributes.find((x) => x.key === key); return a && (a.value.stringValue ?? Number(a.value.intValue)); };
const fresh = () => crypto.randomBytes(6).toString('hex');

// name{labels} -> value; every line must be one of the format.
async function metrics() {
  const { status, headers, body } = await ask('/metrics', { at: operations });
  assert.equal(status, 200);
  assert.match(headers['content-type'], /^text\/plain; version=0\.0\.4/);
  const all = new Map();
  const typed = new Set();
  for (const line of body.split('\n').filter(Boolean)) {
    const head = line.match(/^# (HELP|TYPE) ([a-z_][a-z0-9_]*) \S/);
    if (head) { if (head[1] === 'TYPE') { assert.ok(!typed.has(head[2]), `${head[2]} twice`); typed.add(head[2]); } continue; }
    const sample = line.match(/^([a-z_][a-z0-9_]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*\})? (\S+)$/);
    assert.ok(sample, line);
    assert.ok(typed.has(sample[1]) || typed.has(sample[1].replace(/_(bucket|sum|count)$/, '')), line);
    const name = sample[1] + (sample[2] ?? '');
    assert.ok(!all.has(name), `${name} twice`);
    all.set(name, Number(sample[3]));
  }
  return all;
}

test('a request leaves a line with identity, trace and timing', async () => {
  const id = fresh();
  const trace = crypto.randomBytes(16).toString('hex');
  const { status } = await ask(`/robots/${id}?page=2&token=${token}`, {
    method: 'POST', body: 'hello',
    headers: { Authorization: `Bearer ${token}`, traceparent: `00-${trace}-b7ad6b7169203331-00`, 'User-Agent': 'probe/1', Referer: `https://other.test/from?code=${token}` },
  });
  assert.equal(status, 200);
  const line = await lineOf(id);
  assert.equal(line.who, 'robot');
  assert.equal(line.by, 'token');
  assert.equal(line.verdict, 'passed');
  assert.equal(line.trace, trace);
  assert.match(line.span, /^[0-9a-f]{16}$/);
  assert.deepEqual([line.host, line.method, line.status, line.in, line.out], ['app.test', 'POST', 200, 5, 6]);
  assert.equal(line.route, 'app.test/robots');
  assert.equal(line.query, 'page=2&token=[redacted]');
  assert.equal(line.user_agent, 'probe/1');
  assert.equal(line.referer, 'https://other.test/from');
  assert.equal(line.upstream, `127.0.0.1:${upstream.address().port}`);
  assert.equal(line.client, '127.0.0.1');
  assert.equal(typeof line.tls, 'boolean');
  assert.ok(line.id && line.http === '1.1' && !Number.isNaN(Date.parse(line.time)));
  assert.ok(line.ms > 0 && line.upstream_ms > 0 && line.upstream_ms <= line.ms, JSON.stringify(line));
});

test('who is refused leaves a line that says why', async () => {
  const id = fresh();
  assert.equal((await ask(`/robots/${id}`)).status, 401);
  const refused = await lineOf(id);
  assert.deepEqual([refused.status, refused.verdict, refused.why, refused.who, refused.upstream], [401, 'challenged', 'policy', undefined, undefined]);
  const lost = fresh();
  assert.equal((await ask(`/dead/${lost}`)).status, 502);
  assert.ok((await lineOf(lost)).failed);
});

test('excluded paths leave no line, unless something went wrong', async () => {
  const good = fresh(), after_ = fresh();
  await ask(`/quiet/${good}`);
  await ask(`/${after_}`);
  await lineOf(after_);
  assert.equal(lines().filter((l) => l.path.endsWith(good)).length, 0);
});

test('what a client writes cannot forge a line', async () => {
  const id = fresh();
  await ask(`/${id}`, { headers: { 'User-Agent': 'a"},{"who":"admin","x":"\xe9' } });
  assert.equal((await lineOf(id)).user_agent, 'a"},{"who":"admin","x":"\xe9');
});

test('after a rotation and SIGHUP lines go to the new file', async () => {
  const old = accessLog.replace('.log', '-1.log');
  const first = fresh(), second = fresh();
  await ask(`/${first}`);
  await lineOf(first);
  fs.renameSync(accessLog, old);
  house.child.kill('SIGHUP');
  await until(() => fs.existsSync(accessLog), 'a new file');
  await ask(`/${second}`);
  await lineOf(second);
  assert.ok(lines(old).some((l) => l.path === `/${first}`));
});

test('the upstream is told of our span, and the collector gets it below the client\'s', async () => {
  const id = fresh();
  const trace = crypto.randomBytes(16).toString('hex'), parent = crypto.randomBytes(8).toString('hex');
  await ask(`/robots/${id}`, { headers: { Authorization: `Bearer ${token}`, traceparent: `00-${trace}-${parent}-01`, tracestate: 'vendor=opaque' } });
  const there = arrived.find((r) => r.url === `/robots/${id}`);
  const told = there.headers.traceparent.match(/^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/);
  assert.ok(told, there.headers.traceparent);
  assert.equal(told[1], trace);
  assert.notEqual(told[2], parent);
  assert.equal(there.headers.tracestate, 'vendor=opaque');

  const mine = await until(() => { const of = spans().filter((s) => s.traceId === trace); return of.length >= 3 && of; }, 'spans');
  const server = mine.find((s) => s.kind === 2), client = mine.find((s) => s.kind === 3), policy = mine.find((s) => s.kind === 1);
  assert.equal(server.parentSpanId, parent);
  assert.equal(client.spanId, told[2]);
  assert.equal(client.parentSpanId, server.spanId);
  assert.equal(policy.parentSpanId, server.spanId);
  assert.equal(new Set(mine.map((s) => s.spanId)).size, 3);
  assert.equal(attribute(server, 'http.request.method'), 'GET');
  assert.equal(attribute(server, 'http.response.status_code'), 200);
  assert.equal(attribute(server, 'http.route'), 'app.test/robots');
  assert.equal(attribute(server, 'enduser.id'), 'robot');
  assert.equal(attribute(client, 'server.port'), upstream.address().port);
  for (const s of mine) assert.ok(BigInt(s.startTimeUnixNano) <= BigInt(s.endTimeUnixNano), JSON.stringify(s));
  assert.ok(BigInt(server.startTimeUnixNano) <= BigInt(client.startTimeUnixNano) && BigInt(client.endTimeUnixNano) <= BigInt(server.endTimeUnixNano));
  const batch = exports_.at(-1);
  assert.equal(batch.url, '/v1/traces');
  assert.equal(batch.headers['x-key'], collectorKey);
  assert.deepEqual(batch.body.resourceSpans[0].resource.attributes[0], { key: 'service.name', value: { stringValue: 'edge' } });
  assert.equal(JSON.stringify(exports_.map((e) => e.body)).includes(token), false);
});

test('a traceparent that is none begins a new trace, and its state goes with it', async () => {
  for (const bad of ['00-00000000000000000000000000000000-b7ad6b7169203331-01', 'ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', 'x']) {
    const id = fresh();
    await ask(`/${id}`, { headers: { traceparent: bad, tracestate: 'vendor=opaque' } });
    const { headers, rawHeaders } = arrived.find((r) => r.url === `/${id}`);
    assert.match(headers.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    assert.equal(headers.traceparent.includes('0af7651916cd43dd8448eb211c80319c'), false);
    assert.equal(headers.tracestate, undefined);
    assert.equal(rawHeaders.filter((h) => h.toLowerCase() === 'traceparent').length, 1);
  }
});

test('a fault of the upstream is a fault of its span', async () => {
  const id = fresh();
  await ask(`/dead/${id}`);
  const server = await until(() => spans().find((s) => s.kind === 2 && attribute(s, 'url.path') === `/dead/${id}`), 'a span');
  assert.equal(server.status.code, 2);
  const client = spans().find((s) => s.parentSpanId === server.spanId && s.kind === 3);
  assert.equal(client.status.code, 2);
});

test('numbers count what was done', async () => {
  const before_ = await metrics();
  for (let i = 0; i < 7; i++) await ask(`/${fresh()}`);
  await ask('/', { method: 'POST', body: 'x'.repeat(1000) });
  await ask('/robots/x');
  await ask('/broken');
  // An answer is counted when all of it is on its way: its reader may be faster than that.
  let now;
  const more = (name) => (now.get(name) ?? 0) - (before_.get(name) ?? 0);
  const answers = () => [...now.keys()].filter((n) => n.startsWith('gatehouse_requests_total')).reduce((sum, n) => sum + more(n), 0);
  await until(async () => { now = await metrics(); return answers() >= 10 && now.get('gatehouse_requests_in_flight') === 0; }, 'ten answers');
  assert.equal(more('gatehouse_requests_total{host="app.test",route="app.test/",method="GET",status="2xx"}'), 7);
  assert.equal(more('gatehouse_requests_total{host="app.test",route="app.test/",method="POST",status="2xx"}'), 1);
  assert.equal(more('gatehouse_requests_total{host="app.test",route="app.test/",method="GET",status="5xx"}'), 1);
  assert.equal(more('gatehouse_requests_total{host="app.test",route="app.test/robots",method="GET",status="4xx"}'), 1);
  assert.equal(more('gatehouse_request_duration_seconds_count{host="app.test",route="app.test/"}'), 9);
  assert.equal(more('gatehouse_request_duration_seconds_bucket{host="app.test",route="app.test/",le="+Inf"}'), 9);
  assert.equal(more('gatehouse_request_bytes_total{host="app.test",route="app.test/"}'), 1000);
  assert.equal(more('gatehouse_response_bytes_total{host="app.test",route="app.test/"}'), 9 * 'answer'.length);
  assert.equal(more('gatehouse_verdicts_total{host="app.test",route="app.test/robots",verdict="challenged"}'), 1);
  assert.equal(more(`gatehouse_upstream_requests_total{pool="http://127.0.0.1:${upstream.address().port}"}`), 9);
  assert.equal(now.get('gatehouse_requests_in_flight'), 0);
  assert.ok(now.get(`gatehouse_connections{listener="127.0.0.1:${port}"}`) >= 1);
  assert.ok(now.get('gatehouse_configuration_generation') >= 1);
  assert.equal(now.get('gatehouse_configuration_last_reload_successful'), 1);
  assert.ok(now.get('gatehouse_database_commits_total') > 0);
  assert.ok(now.get('process_resident_memory_bytes') > 1e6);
  assert.ok(now.get('process_open_fds') > 5);
  assert.ok(Math.abs(now.get('process_start_time_seconds') - Date.now() / 1000) < 3600);
  assert.equal(now.get('gatehouse_access_log_dropped_total'), 0);
});

test('what rules in the shadow would have decided is counted by route', async () => {
  const before_ = await metrics();
  for (const method of ['GET', 'GET', 'POST']) assert.equal((await ask('/stricter', { method })).status, 200);
  const looser = [];
  for (const method of ['GET', 'POST', 'PUT']) looser.push((await ask('/looser', { method })).status);
  assert.deepEqual(looser, [200, 403, 403]);
  const now = await metrics();
  const more = (route, verdict) => { const name = `gatehouse_shadow_verdicts_total{host="app.test",route="app.test${route}",verdict="${verdict}"}`; return now.get(name) - before_.get(name); };
  assert.deepEqual(['agreed', 'would_allow', 'would_deny', 'would_step_up'].map((v) => more('/stricter', v)), [2, 0, 1, 0]);
  assert.deepEqual(['agreed', 'would_allow', 'would_deny', 'would_step_up'].map((v) => more('/looser', v)), [1, 2, 0, 0]);
  assert.ok(![...now.keys()].some((name) => name.startsWith('gatehouse_shadow') && name.includes('robots')), 'only routes that have some');
});

test('5,000 hosts and paths that nobody configured are one', { timeout: 120000 }, async () => {
  await ask('/', { host: 'warm.invalid' });
  const before_ = await metrics();
  const one = async () => { for (let i = 0; i < 625; i++) await ask(`/${fresh()}`, { host: i % 2 ? `h${fresh()}.test` : 'app.test', method: i % 5 === 0 ? `M${fresh().toUpperCase()}` : 'GET' }).catch(() => {}); };
  await Promise.all(Array.from({ length: 8 }, one));
  const now = await metrics();
  assert.ok(now.size - before_.size < 60, `${now.size - before_.size} more series`);
  const other = [...now].filter(([n]) => n.startsWith('gatehouse_requests_total{host="other"')).reduce((sum, [, v]) => sum + v, 0);
  assert.ok(other >= 2400, String(other));
  for (const name of now.keys()) assert.doesNotMatch(name, /h[0-9a-f]{12}\.test/);
});

test('the metrics are on the listener for machines and nowhere else', async () => {
  assert.equal((await ask('/metrics', { host: '127.0.0.1' })).status, 404);
  assert.equal((await ask('/metrics')).body, 'answer');   // the application's own
});

test('a collector that is away holds nobody up', async () => {
  collectorStatus = 503;
  try {
    for (let i = 0; i < 50; i++) assert.equal((await ask(`/${fresh()}`)).status, 200);
    await until(() => house.log().includes('telemetry.away'), 'a word in the log');
  } finally { collectorStatus = 200; }
});

test('what is wrong in the configuration is named', async () => {
  const file = path.join(folder('observe-bad'), 'gatehouse.yaml');
  fs.writeFileSync(file, 'data: d\nlisteners: [{port: 1}]\naccess_log: {file: a, sample: 7}\ntelemetry: {otlp: collector}\n');
  const { code, err } = await execute(['check', '-c', file]);
  assert.equal(code, 3);
  assert.match(err, /gatehouse\.yaml:3:\d+: .*sample.*'7' is not a number from 0 to 1/);
  assert.match(err, /gatehouse\.yaml:4:\d+: .*otlp.*'collector'/);
});
