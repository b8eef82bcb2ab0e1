// WebSocket through the gateway with npm's `ws` on both ends, over HTTP/1.1 and (RFC 8441) over HTTP/2, with a browser session and with tokens.
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
import * as jose from 'jose';
import { WebSocket, WebSocketServer } from 'ws';
import { folder, remember, serve } from './lib/gatehouse.js';
import { forms, Visitor } from './lib/visitor.js';

const host = 'ws.localhost';
const password = remember('correct-horse-battery-staple-7');
const clientSecret = remember('websocket-client-secret-01234567');
const person = { login: 'grace@example.com', password };
let house, app, issuer, issuerUrl, signingKey, plain, secure, origin;
const opened = [];   // what the application was asked for

const freePort = () => new Promise((r) => { const s = net.createServer().listen(0, '127.0.0.1', () => { const p = s.address().port; s.close(() => r(p)); }); });

// Echoes; some words make it do something else.
function application() {
  const server = http.createServer((request, reply) => {
    if (request.url === '/page') return reply.end('a page');
    reply.end(JSON.stringify({ headers: request.headers }));
  });
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: true, maxPayload: 64 << 20, handleProtocols: (asked) => (asked.has('chat.v2') ? 'chat.v2' : false) });
  server.on('upgrade', (request, socket, head) => {
    const { pathname } = new URL(request.url, 'http://x');
    if (pathname === '/open/refused') return socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\nConnection: close\r\n\r\nno!\n');
    if (pathname === '/open/page') return socket.end('HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\npage');
    if (pathname === '/open/forged')   // switches, without the proof that it understood
      return socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n');
    sockets.handleUpgrade(request, socket, head, (ws) => {
      opened.push({ url: request.url, headers: request.headers, ws });
      ws.on('error', () => {});
      ws.on('message', (data, binary) => {
        const word = binary ? '' : String(data);
        if (word === 'who') ws.send(JSON.stringify(request.headers));
        else if (word === 'push') for (let i = 0; i < 1000; ++i) ws.send(String(i));
        else if (word.startsWith('close ')) ws.close(Number(word.slice(6)), 'as you wish');
        else if (word === 'cut') ws.terminate();
        else if (word === 'ping me') ws.ping('from the server');
        else ws.send(data, { binary });
      });
      ws.on('pong', (data) => ws.send(`pong: ${data}`));
    });
  });
  return server.listen(0, '127.0.0.1');
}

const wellKnown = () => http.createServer((request, reply) => reply.setHeader('Content-Type', 'application/json').end(JSON.stringify(
  request.url.endsWith('/keys') ? { keys: [{ ...signingKey.jwk, kid: 'k', alg: 'ES256', use: 'sig' }] } : { issuer: issuerUrl, jwks_uri: `${issuerUrl}/keys` }))).listen(0, '127.0.0.1');

before(async () => {
  const dir = folder('websocket');
  const pair = await jose.generateKeyPair('ES256', { extractable: true });
  signingKey = { secret: pair.privateKey, jwk: await jose.exportJWK(pair.publicKey) };
  [app, issuer] = [application(), wellKnown()];
  await Promise.all([app, issuer].map((s) => s.listening || once(s, 'listening')));
  issuerUrl = `http://127.0.0.1:${issuer.address().port}/oauth2/test`;
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', path.join(dir, 'key.pem'), '-out', path.join(dir, 'cert.pem'),
    '-days', '2', '-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`], { stdio: 'ignore' });
  fs.chmodSync(path.join(dir, 'key.pem'), 0o600);
  fs.writeFileSync(path.join(dir, 'password'), password + '\n', { mode: 0o600 });
  fs.writeFileSync(path.join(dir, 'client'), clientSecret + '\n', { mode: 0o600 });
  [plain, secure] = [await freePort(), await freePort()];
  origin = `http://${host}:${plain}`;
  fs.writeFileSync(path.join(dir, 'seed.yaml'), `
users: [{login: ${person.login}, first_name: Grace, last_name: Hopper, password: "file:${dir}/password"}]
apps:
  - label: Chat
    client_id: chat
    client_secret: "file:${dir}/client"
    redirect_uris: ["${origin}/.gatehouse/callback"]
    post_logout_redirect_uris: ["${origin}/.gatehouse/signed-out"]
    consent: false
    groups: [Everyone]
`);
  const upstream = `upstream: "http://127.0.0.1:${app.address().port}"`;
  const signIn = `sign_in: {issuer: "http://127.0.0.1:${plain}", client_id: chat, client_secret: "file:${dir}/client", headers: {X-Remote-User: preferred_username}}`;
  fs.writeFileSync(path.join(dir, 'gatehouse.yaml'), `
data: data
listeners:
  - {port: ${plain}}
  - {port: ${secure}, tls: {certificate: cert.pem, key: key.pem}}
log: {level: debug, form: json}
org: {hosts: ["127.0.0.1"]}
seed: seed.yaml
gateway:
  hosts:
    - host: ${host}
      routes:
        - {path: /, ${upstream}, ${signIn}, websocket: {recheck: 1s}}
        - {path: /partner, ${upstream}, ${signIn}, websocket: {origins: ["https://partner.example"], recheck: 1s}}
        - {path: /api, ${upstream}, token: {issuer: "${issuerUrl}", audience: api://default, skew: 0s, headers: {X-Remote-User: sub}}}
        - {path: /open, ${upstream}, open: true}
        - {path: /never, ${upstream}, open: true, websocket: false}
        - {path: /limited, ${upstream}, open: true, limits: [{requests: 2, per: 1h}]}
        - {path: /away, upstream: "http://127.0.0.1:${await freePort()}", open: true}
`);
  house = await serve(path.join(dir, 'gatehouse.yaml'));
});
after(async () => {
  for (const { ws } of opened) ws.terminate();
  for (const server of [app, issuer]) { server?.closeAllConnections(); server?.close(); }
  if (house) assert.equal(await house.stop(), 0);
});

const token = async (claims = {}) => remember(await new jose.SignJWT({ iss: issuerUrl, aud: 'api://default', sub: 'ada', scp: ['chat'], iat: Math.floor(Date.now() / 1000), exp: Math.floor(Date.now() / 1000) + 600, ...claims })
  .setProtectedHeader({ alg: 'ES256', kid: 'k' }).sign(signingKey.secret));

// ---- One client per version of HTTP: (target, { protocols, headers, origin }) -> an open WebSocket, or an error with `status`.
const refused = (status) => Object.assign(new Error(`refused with ${status}`), { status });

function overHttp1(tls) {
  return async (target, { protocols = [], headers = {}, origin: page } = {}) => {
    const ws = new WebSocket(`${tls ? 'wss' : 'ws'}://127.0.0.1:${tls ? secure : plain}${target}`, protocols,
      { headers: { Host: `${host}:${tls ? secure : plain}`, ...headers }, origin: page, rejectUnauthorized: false, servername: host, maxPayload: 64 << 20 });
    return new Promise((resolve, reject) => {
      ws.on('open', () => resolve(ws));
      ws.on('unexpected-response', (_, answer) => { answer.resume(); reject(refused(answer.statusCode)); });
      ws.on('error', reject);
    });
  };
}

// RFC 8441: an extended CONNECT, whose stream becomes the socket of a `ws` client.
function overHttp2(tls) {
  return async (target, { protocols = [], headers = {}, origin: page } = {}) => {
    const session = tls ? http2.connect(`https://127.0.0.1:${secure}`, { servername: host, rejectUnauthorized: false }) : http2.connect(`http://127.0.0.1:${plain}`);
    if (!session.remoteSettings?.enableConnectProtocol) await once(session, 'remoteSettings');
    assert.equal(session.remoteSettings.enableConnectProtocol, true, 'SETTINGS_ENABLE_CONNECT_PROTOCOL');
    const stream = session.request({
      ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': tls ? 'https' : 'http', ':path': target, ':authority': `${host}:${tls ? secure : plain}`,
      'sec-websocket-version': '13', ...(protocols.length ? { 'sec-websocket-protocol': protocols.join(', ') } : {}), ...(page ? { origin: page } : {}), ...headers,
    }, { endStream: false });
    const [answer] = await once(stream, 'response');
    if (answer[':status'] !== 200) { stream.close(); session.close(); throw refused(answer[':status']); }
    assert.equal(answer['sec-websocket-accept'], undefined, 'RFC 8441 §5: that proof is of HTTP/1.1');
    const ws = new WebSocket(null, undefined, { autoPong: true, allowSynchronousEvents: true, closeTimeout: 30000 });
    ws._isServer = false;   // a client: what it sends is masked
    ws._protocol = answer['sec-websocket-protocol'] ?? '';
    ws._extensions = {};
    ws.setSocket(stream, Buffer.alloc(0), { allowSynchronousEvents: true, maxPayload: 64 << 20, skipUTF8Validation: false });
    ws.on('close', () => session.close());
    return ws;
  };
}

const clients = { 'HTTP/1.1': overHttp1(false), 'HTTP/1.1 over TLS': overHttp1(true), 'HTTP/2': overHttp2(false), 'HTTP/2 over TLS': overHttp2(true) };

const next = async (ws) => (await once(ws, 'message', { signal: AbortSignal.timeout(20000) }))[0];
const ended = async (ws) => { const [code, why] = await once(ws, 'close', { signal: AbortSignal.timeout(20000) }); return { code, why: String(why) }; };
async function told(ws, word) { const answer = next(ws); ws.send(word); return String(await answer); }

for (const [name, connect] of Object.entries(clients)) {
  test(`${name}: messages pass both ways, in order and unchanged`, async () => {
    const ws = await connect('/open/echo?room=1');
    assert.equal(opened.at(-1).url, '/open/echo?room=1');
    assert.equal(await told(ws, 'grüß dich'), 'grüß dich');
    const numbers = [];
    const all = new Promise((resolve) => ws.on('message', (data) => { numbers.push(String(data)); if (numbers.length === 1000) resolve(); }));
    ws.send('push');
    await all;
    assert.deepEqual(numbers, Array.from({ length: 1000 }, (_, i) => String(i)));
    ws.close(1000);
    assert.equal((await ended(ws)).code, 1000);
  });

  test(`${name}: a message of megabytes passes whole`, async () => {
    const ws = await connect('/open/echo');
    for (const size of [65536, (1 << 20) + 1, 8 << 20]) {
      const sent = crypto.randomBytes(size);
      const answer = next(ws);
      ws.send(sent);
      assert.ok(sent.equals(await answer), `${size} bytes`);
    }
    ws.terminate();
  });

  test(`${name}: ping and pong pass, from either side`, async () => {
    const ws = await connect('/open/echo');
    const pong = once(ws, 'pong', { signal: AbortSignal.timeout(20000) });
    ws.ping('from the client');
    assert.equal(String((await pong)[0]), 'from the client');
    assert.equal(await told(ws, 'ping me'), 'pong: from the server');
    ws.terminate();
  });

  test(`${name}: close codes arrive as they were sent, and a cut is none`, async () => {
    for (const code of [1000, 1001, 1011, 4000, 4999]) {
      const ws = await connect('/open/echo');
      const end = ended(ws);
      ws.send(`close ${code}`);
      assert.deepEqual(await end, { code, why: 'as you wish' });
      const mine = await connect('/open/echo');
      const theirs = ended(opened.at(-1).ws);
      mine.close(code, 'my wish');
      assert.deepEqual(await theirs, { code, why: 'my wish' });
    }
    const cut = await connect('/open/echo');
    const end = ended(cut);
    cut.on('error', () => {});
    cut.send('cut');
    assert.equal((await end).code, 1006);
    const gone = await connect('/open/echo');
    const theirs = ended(opened.at(-1).ws);
    gone.terminate();
    assert.equal((await theirs).code, 1006, 'the application learns that the client has gone');
  });

  test(`${name}: subprotocols are agreed on end to end`, async () => {
    const ws = await connect('/open/echo', { protocols: ['chat.v1', 'chat.v2'] });
    assert.equal(ws.protocol, 'chat.v2');
    ws.terminate();
  });

  test(`${name}: who does not switch opens no tunnel`, async () => {
    await assert.rejects(connect('/open/refused'), { status: 403 }, 'a refusal of the application is passed on');
    for (const target of ['/open/page', '/open/forged', '/away']) await assert.rejects(connect(target), { status: 502 }, `${target} (CVE-2024-23326)`);
    await assert.rejects(connect('/never'), { status: 403 });
  });

  test(`${name}: without credentials nobody comes in, with a token one does until it ends`, async () => {
    await assert.rejects(connect('/api'), { status: 401 });
    await assert.rejects(connect('/api', { headers: { Authorization: 'Bearer nonsense' } }), { status: 401 });
    const seconds = Math.floor(Date.now() / 1000);
    const ws = await connect('/api', { headers: { Authorization: `Bearer ${await token({ exp: seconds + 3 })}`, 'X-Remote-User': 'mallory' } });
    assert.equal(JSON.parse(await told(ws, 'who'))['x-remote-user'], 'ada');
    ws.on('error', () => {});
    await ended(ws);   // nobody asked for it
    assert.ok(Date.now() / 1000 >= seconds + 3, 'not before its time');
  });
}

test('compression is agreed on end to end', async () => {
  const ws = await clients['HTTP/1.1']('/open/echo');
  assert.match(ws.extensions, /permessage-deflate/);
  const long = 'the same again '.repeat(100000);
  assert.equal(await told(ws, long), long);
  ws.terminate();
});

test('a limit counts openings', async () => {
  for (let i = 0; i < 2; ++i) (await clients['HTTP/1.1']('/limited')).terminate();
  await assert.rejects(clients['HTTP/1.1']('/limited'), { status: 429 });
  await assert.rejects(clients['HTTP/2']('/limited'), { status: 429 });
});

// ---- With a person's session.
async function signedIn() {
  const visitor = new Visitor();
  const page = await visitor.signIn(await visitor.open(`${origin}/`, { headers: { Accept: 'text/html', 'Sec-Fetch-Mode': 'navigate' } }), person);
  assert.equal(page.status, 200, page.body.slice(0, 500));
  return { visitor, headers: { Cookie: visitor.cookieHeader(new URL(origin)) } };
}

for (const name of ['HTTP/1.1', 'HTTP/2']) {
  const connect = clients[name];

  test(`${name}: with a session only pages of its own site may open a tunnel`, async () => {
    const { headers } = await signedIn();
    for (const page of ['https://evil.example', 'null', `http://${host}`, `https://${host}:${plain}`, `http://evil.${host}:${plain}`, `${origin}.evil.example`, `${origin}/`, undefined])
      await assert.rejects(connect('/', { headers, origin: page }), { status: 403 }, `Origin: ${page}`);
    await assert.rejects(connect('/', { headers, origin: 'https://partner.example' }), { status: 403 }, 'named on another route only');
    const ws = await connect('/', { headers, origin });
    const seen = JSON.parse(await told(ws, 'who'));
    assert.equal(seen['x-remote-user'], person.login);
    assert.doesNotMatch(seen.cookie ?? '', /gh_/, 'the session stays with the gateway');
    ws.terminate();
    (await connect('/partner', { headers, origin: 'https://partner.example' })).terminate();
    await assert.rejects(connect('/partner', { headers, origin: 'https://evil.example' }), { status: 403 });
  });

  test(`${name}: a page of our own without a session is not let in`, async () => {
    await assert.rejects(connect('/', { origin }), { status: 401 });
  });

  test(`${name}: the tunnel ends when the session is ended, and not before`, async () => {
    const { visitor, headers } = await signedIn();
    const stays = await signedIn();
    const ws = await connect('/', { headers, origin });
    const other = await connect('/', { headers: stays.headers, origin });
    ws.on('error', () => {});
    // Longer than two rechecks: a session that lasts keeps its tunnel.
    for (const until = Date.now() + 2500; Date.now() < until; await new Promise((r) => setTimeout(r, 250))) assert.equal(await told(ws, 'still there'), 'still there');
    const end = ended(ws);
    let out = await visitor.open(`${origin}/.gatehouse/sign-out`);
    for (let i = 0; i < 2 && forms(out.body).some((f) => f.method === 'POST'); ++i) out = await visitor.submit(out, {});
    await end;
    assert.equal(await told(other, 'still there'), 'still there', 'that of somebody else goes on');
    other.terminate();
    await assert.rejects(connect('/', { headers, origin }), { status: 401 });
  });
}
