// gRPC through the gateway with npm's grpc-js on both ends: every kind of call, over plain sockets and TLS, to an application that
// speaks HTTP/2 with and without TLS. What the gateway refuses reaches the client as a status of gRPC.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import * as jose from 'jose';
import { folder, remember, serve } from './lib/gatehouse.js';
import { root } from './lib/remember.js';

const { status: code } = grpc;
const domain = 'grpc.localhost';
const size = 16 << 20;   // what a message may have, in these tests
const { Echo } = grpc.loadPackageDefinition(loader.loadSync(path.join(root, 'tests/protos/echo.proto'), { longs: Number })).gatehouse.test;
let house, apps, issuer, issuerUrl, signing, plain, secure, certificate, breaking;
const seen = { calls: 0, cancelled: 0, metadata: undefined, deadline: undefined };

const freePort = () => new Promise((r) => { const s = net.createServer().listen(0, '127.0.0.1', () => { const p = s.address().port; s.close(() => r(p)); }); });
const deadline = (ms = 30000) => ({ deadline: Date.now() + ms });

const service = {
  say(call, done) {
    seen.calls++;
    seen.metadata = call.metadata;
    seen.deadline = call.getDeadline();
    call.on('cancelled', () => seen.cancelled++);
    const { text, data } = call.request;
    if (text === 'silence') return;
    const first = new grpc.Metadata(), last = new grpc.Metadata();
    first.set('x-first', 'at the head');
    last.set('x-last', 'at the end');
    last.set('x-last-bin', Buffer.from([0, 1, 254, 255]));
    call.sendMetadata(first);
    if (text.startsWith('fail ')) return done({ code: Number(text.slice(5)), details: 'über 100 %\n', metadata: last });
    done(null, { text, data }, last);
  },
  count(call) {
    let sent = 0;
    call.on('cancelled', () => seen.cancelled++);
    const { until, bytes } = call.request, data = Buffer.alloc(bytes, 'c');
    const more = () => {
      while (!call.cancelled && (until === 0 || sent < until)) if (!call.write({ text: String(sent++), data })) return call.once('drain', more);
      call.end();
    };
    more();
  },
  gather(call, done) {
    const sum = { messages: 0, bytes: 0 };
    call.on('data', ({ data }) => { sum.messages++; sum.bytes += data.length; });
    call.on('end', () => done(null, sum));
    call.on('error', () => {});
  },
  chat(call) {
    call.on('data', (words) => call.write(words));
    call.on('end', () => call.end());
    call.on('error', () => {});
  },
};

async function application(credentials) {
  const server = new grpc.Server({ 'grpc.max_receive_message_length': size, 'grpc.max_send_message_length': size });
  server.addService(Echo.service, service);
  const port = await new Promise((resolve, reject) => server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error ? reject(error) : resolve(bound))));
  return { server, port };
}

before(async () => {
  const dir = folder('grpc');
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', path.join(dir, 'key.pem'), '-out', path.join(dir, 'cert.pem'),
    '-days', '2', '-subj', `/CN=${domain}`, '-addext', `subjectAltName=DNS:*.${domain},DNS:localhost`, '-addext', 'basicConstraints=critical,CA:TRUE'], { stdio: 'ignore' });
  fs.chmodSync(path.join(dir, 'key.pem'), 0o600);
  certificate = fs.readFileSync(path.join(dir, 'cert.pem'));
  const pair = { private_key: fs.readFileSync(path.join(dir, 'key.pem')), cert_chain: certificate };
  apps = [await application(grpc.ServerCredentials.createInsecure()), await application(grpc.ServerCredentials.createSsl(null, [pair]))];
  const keys = await jose.generateKeyPair('ES256', { extractable: true });
  signing = { secret: keys.privateKey, jwk: { ...(await jose.exportJWK(keys.publicKey)), kid: 'k', alg: 'ES256', use: 'sig' } };
  issuer = http.createServer((request, reply) => {
    if (request.method === 'POST' && !request.url.endsWith('/keys')) return reply.writeHead(404, { 'Content-Type': 'text/html' }).end('<h1>not here</h1>');   // no gRPC at all
    reply.setHeader('Content-Type', 'application/json').end(JSON.stringify(request.url.endsWith('/keys') ? { keys: [signing.jwk] } : { issuer: issuerUrl, jwks_uri: `${issuerUrl}/keys` }));
  }).listen(0, '127.0.0.1');
  await once(issuer, 'listening');
  issuerUrl = `http://127.0.0.1:${issuer.address().port}/oauth2/test`;
  // Answers a message and a half, then its connection breaks.
  breaking = http2.createServer().listen(0, '127.0.0.1');
  breaking.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.write(Buffer.from([0, 0, 0, 0, 3, 10, 1, 65, 0, 0, 0]));
    setTimeout(() => stream.session?.destroy(), 200);
  });
  await once(breaking, 'listening');
  [plain, secure] = [await freePort(), await freePort()];
  const to = `upstream: "http://127.0.0.1:${apps[0].port}", protocol: h2`;
  const hosts = {
    open: `${to}, open: true`,
    tls: `upstream: "https://localhost:${apps[1].port}", protocol: h2, open: true`,
    alpn: `upstream: "https://localhost:${apps[1].port}", protocol: auto, open: true`,
    token: `${to}, policy: callers, token: {issuer: "${issuerUrl}", audience: api://default, headers: {X-Remote-User: sub}, rules: [{methods: [POST], scopes: [echo]}]}`,
    limited: `${to}, open: true, limits: [{requests: 3, per: 1h}]`,
    repairs: `${to}, open: true, maintenance: {retry_after: 2m}`,
    small: `${to}, open: true, request: {body: 1KiB}`,
    moved: `open: true, redirect: {to: "https://elsewhere.example/"}`,
    away: `upstream: "http://127.0.0.1:${await freePort()}", protocol: h2, open: true`,
    other: `upstream: "http://127.0.0.1:${issuer.address().port}", open: true`,
    breaking: `upstream: "http://127.0.0.1:${breaking.address().port}", protocol: h2, open: true`,
    narrow: `path: /other.Service, ${to}, open: true`,
    reading: `${to}, open: true, methods: [GET]`,
  };
  fs.writeFileSync(path.join(dir, 'gatehouse.yaml'), `
data: data
listeners:
  - {port: ${plain}}
  - {port: ${secure}, tls: {certificate: cert.pem, key: key.pem}}
log: {level: debug, form: json}
org: {hosts: ["127.0.0.1"]}
policies:
  - name: callers
    rules:
      - {deny: {claims: {sub: [mallory]}}}
      - {allow: {everybody: true}}
gateway:
  hosts:
${Object.entries(hosts).map(([name, route]) => `    - {host: ${name}.${domain}, routes: [{${route.startsWith('path') ? '' : 'path: /, '}${route}}]}`).join('\n')}
`);
  house = await serve(path.join(dir, 'gatehouse.yaml'), { env: { SSL_CERT_FILE: path.join(dir, 'cert.pem') } });
});
after(async () => {
  for (const client of clients.values()) client.close();
  for (const app of apps ?? []) app.server.forceShutdown();
  for (const server of [issuer, breaking]) server?.close();
  issuer?.closeAllConnections();
  if (house) assert.equal(await house.stop(), 0);
});

const clients = new Map();
function at(name, tls = false) {
  const key = `${name} ${tls}`;
  if (!clients.has(key)) {
    const credentials = tls ? grpc.credentials.createSsl(certificate) : grpc.credentials.createInsecure();
    clients.set(key, new Echo(`127.0.0.1:${tls ? secure : plain}`, credentials, {
      'grpc.default_authority': `${name}.${domain}`, ...(tls ? { 'grpc.ssl_target_name_override': `${name}.${domain}` } : {}),
      'grpc.max_receive_message_length': size, 'grpc.max_send_message_length': size, 'grpc.enable_retries': 0, 'grpc.use_local_subchannel_pool': 1,
    }));
  }
  return clients.get(key);
}

// { error, answer, head, end }
function say(client, request, metadata = new grpc.Metadata(), options = deadline()) {
  return new Promise((resolve) => {
    const result = {};
    const call = client.say(request, metadata, options, (error, answer) => { Object.assign(result, { error, answer }); });
    call.on('metadata', (head) => (result.head = head));
    call.on('status', (end) => { result.end = end; setImmediate(() => resolve(result)); });
  });
}
async function all(stream) {
  const got = [];
  for await (const message of stream) got.push(message);
  return got;
}
const bearer = async (claims = {}) => {
  const now = Math.floor(Date.now() / 1000);
  const token = remember(await new jose.SignJWT({ iss: issuerUrl, aud: 'api://default', sub: 'ada', scp: ['echo'], iat: now, exp: now + 600, ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'k' }).sign(signing.secret));
  const metadata = new grpc.Metadata();
  metadata.set('authorization', `Bearer ${token}`);
  return metadata;
};

for (const [way, name, tls] of [['a plain socket', 'open', false], ['TLS and ALPN', 'open', true], ['TLS, and TLS to the application', 'tls', true], ['a plain socket, and ALPN to the application', 'alpn', false]]) {
  test(`over ${way}: a call has its answer, metadata and trailers`, async () => {
    const metadata = new grpc.Metadata();
    metadata.set('x-asked', 'yes');
    metadata.set('x-asked-bin', Buffer.from([255, 0, 7]));
    const { error, answer, head, end } = await say(at(name, tls), { text: 'grüß dich', data: Buffer.from([1, 2, 3]) }, metadata);
    assert.equal(error, null);
    assert.deepEqual([answer.text, [...answer.data]], ['grüß dich', [1, 2, 3]]);
    assert.deepEqual([seen.metadata.get('x-asked'), [...seen.metadata.get('x-asked-bin')[0]]], [['yes'], [255, 0, 7]]);
    assert.deepEqual(head.get('x-first'), ['at the head']);
    assert.equal(end.code, code.OK);
    assert.deepEqual([end.metadata.get('x-last'), [...end.metadata.get('x-last-bin')[0]]], [['at the end'], [0, 1, 254, 255]]);
  });

  test(`over ${way}: every status of the application arrives with its message and metadata`, async () => {
    for (let status = 1; status <= 16; ++status) {
      const { error } = await say(at(name, tls), { text: `fail ${status}` });
      assert.deepEqual([error.code, error.details, error.metadata.get('x-last')], [status, 'über 100 %\n', ['at the end']]);
    }
  });

  test(`over ${way}: streams in each direction`, async () => {
    const client = at(name, tls);
    const counted = await all(client.count({ until: 3000, bytes: 100 }, deadline()));
    assert.deepEqual(counted.map(({ text }) => Number(text)), Array.from({ length: 3000 }, (_, i) => i));
    const sum = await new Promise((resolve, reject) => {
      const call = client.gather(deadline(), (error, answer) => (error ? reject(error) : resolve(answer)));
      for (let i = 0; i < 3000; ++i) call.write({ data: Buffer.alloc(i) });
      call.end();
    });
    assert.deepEqual([sum.messages, sum.bytes], [3000, 3000 * 2999 / 2]);
  });

  test(`over ${way}: both directions at once, nothing is held back`, async () => {
    const call = at(name, tls).chat(deadline());
    for (let i = 0; i < 200; ++i) {   // each word is answered before the next is said
      const heard = once(call, 'data');
      call.write({ text: String(i) });
      assert.equal((await heard)[0].text, String(i));
    }
    const end = once(call, 'status');
    call.end();
    assert.equal((await end)[0].code, code.OK);
  });

  test(`over ${way}: messages of 4 MiB`, async () => {
    const data = crypto.randomBytes(4 << 20);
    const { error, answer } = await say(at(name, tls), { text: '', data });
    assert.equal(error, null);
    assert.ok(data.equals(answer.data));
    const many = await all(at(name, tls).count({ until: 5, bytes: 4 << 20 }, deadline()));
    assert.deepEqual(many.map((m) => m.data.length), Array(5).fill(4 << 20));
  });
}

test('300 calls at once over one connection', async () => {
  const answers = await Promise.all(Array.from({ length: 300 }, (_, i) => say(at('open'), { text: `${i}` })));
  answers.forEach(({ error, answer }, i) => { assert.equal(error, null); assert.equal(answer.text, `${i}`); });
});

const until = async (holds, what) => { for (let i = 0; i < 200 && !holds(); ++i) await new Promise((r) => setTimeout(r, 50)); assert.ok(holds(), what); };

test('a deadline is the application\'s too', async () => {
  const { cancelled } = seen;
  const { error } = await say(at('open'), { text: 'silence' }, new grpc.Metadata(), deadline(700));
  assert.equal(error.code, code.DEADLINE_EXCEEDED);
  assert.ok(seen.deadline instanceof Date || Number.isFinite(seen.deadline), 'grpc-timeout is passed on');
  await until(() => seen.cancelled > cancelled, 'the application stops');
  assert.equal((await say(at('open'), { text: 'next' })).error, null);
});

test('a cancelled stream is cancelled at the application', async () => {
  const { cancelled } = seen;
  const call = at('open').count({ until: 0, bytes: 1000 });
  const failed = once(call, 'error');
  await once(call, 'data');
  call.cancel();
  assert.equal((await failed)[0].code, code.CANCELLED);
  await until(() => seen.cancelled > cancelled, 'the application was told');
  assert.equal((await say(at('open'), { text: 'next' })).error, null, 'the connection goes on');
});

test('an answer that breaks off is not taken for whole', async () => {
  const call = at('breaking').count({ until: 2, bytes: 1 }, deadline());
  const got = [];
  call.on('data', (m) => got.push(m.text));
  const [error] = await once(call, 'error');
  assert.ok([code.UNAVAILABLE, code.INTERNAL].includes(error.code), String(error));
  assert.deepEqual(got, ['A'], 'what came before was passed on');
});

// ---- Refusals.
async function refusedAs(name, expected, { request = { text: 'x' }, metadata, tls } = {}) {
  const { calls } = seen;
  const { error } = await say(at(name, tls), request, metadata);
  assert.equal(error?.code, expected, `${name}: ${error}`);
  assert.equal(seen.calls, calls, 'the application hears nothing of it');
  assert.doesNotMatch(error.details, /Received HTTP status code/, 'the gateway says it itself');
  return error;
}

test('without a token: UNAUTHENTICATED, with the challenge', async () => {
  for (const tls of [false, true]) {
    const error = await refusedAs('token', code.UNAUTHENTICATED, { tls });
    assert.match(String(error.metadata.get('www-authenticate')), /^Bearer/);
  }
  const nonsense = new grpc.Metadata();
  nonsense.set('authorization', 'Bearer nonsense');
  await refusedAs('token', code.UNAUTHENTICATED, { metadata: nonsense });
  await refusedAs('token', code.UNAUTHENTICATED, { metadata: await bearer({ exp: 1 }) });
});

test('known, and not admitted: PERMISSION_DENIED', async () => {
  await refusedAs('token', code.PERMISSION_DENIED, { metadata: await bearer({ scp: ['other'] }) });
  await refusedAs('token', code.PERMISSION_DENIED, { metadata: await bearer({ sub: 'mallory' }) });
});

test('with a token: who calls is told by us alone', async () => {
  const metadata = await bearer();
  metadata.set('x-remote-user', 'root');
  const { error } = await say(at('token'), { text: 'x' }, metadata);
  assert.equal(error, null);
  assert.deepEqual(seen.metadata.get('x-remote-user'), ['ada']);
});

test('streams are refused like single calls', async () => {
  const chat = at('token').chat(deadline());
  chat.write({ text: 'a' });
  const [error] = await once(chat, 'error');
  assert.equal(error.code, code.UNAUTHENTICATED);
  const [counted] = await once(at('repairs').count({ until: 1 }, deadline()), 'error');
  assert.equal(counted.code, code.UNAVAILABLE);
});

test('nobody behind the gateway: UNAVAILABLE', () => refusedAs('away', code.UNAVAILABLE));

test('over the limit: RESOURCE_EXHAUSTED, with the time to wait', async () => {
  for (let i = 0; i < 3; ++i) assert.equal((await say(at('limited'), { text: 'x' })).error, null);
  const error = await refusedAs('limited', code.RESOURCE_EXHAUSTED);
  assert.ok(Number(error.metadata.get('retry-after')[0]) > 0);
});

test('a message over the bound of its route: RESOURCE_EXHAUSTED', async () => {
  assert.equal((await say(at('small'), { text: 'x' })).error, null);
  const { error } = await say(at('small'), { text: '', data: Buffer.alloc(4096) });
  assert.equal(error.code, code.RESOURCE_EXHAUSTED);
});

test('closed for repairs: UNAVAILABLE', async () => {
  const error = await refusedAs('repairs', code.UNAVAILABLE);
  assert.deepEqual(error.metadata.get('retry-after'), ['120']);
});

test('no rule, another host, another method: UNIMPLEMENTED', async () => {
  await refusedAs('narrow', code.UNIMPLEMENTED);
  await refusedAs('reading', code.UNIMPLEMENTED);
  await refusedAs('unknown', code.UNIMPLEMENTED);
});

test('a redirect is nothing that a client of gRPC could follow', async () => {
  const error = await refusedAs('moved', code.UNKNOWN);
  assert.doesNotMatch(error.details, /elsewhere/);
});

test('a header that could be taken for one of ours: INVALID_ARGUMENT', async () => {
  const metadata = await bearer();
  metadata.set('x_remote_user', 'root');
  await refusedAs('token', code.INVALID_ARGUMENT, { metadata });
});

test('what another server than one of gRPC answers is left as it is', async () => {
  const { error } = await say(at('other'), { text: 'x' });
  assert.equal(error.code, code.UNIMPLEMENTED);   // the client's own reading of a 404
  assert.match(error.details, /404/);
});
