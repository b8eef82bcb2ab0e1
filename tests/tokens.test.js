// APIs behind tokens of a foreign issuer, made with `jose`: every algorithm, DPoP with nonces, introspection, outages, rotation.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as jose from 'jose';
import { folder, remember, serve } from './lib/gatehouse.js';

const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
const keys = {}, asked = {}, active = new Map();
let published = [], mood = 'well', issuerServer, appServer, issuer, house, port;
const listen = (server) => new Promise((done) => server.listen(0, '127.0.0.1', () => done(server.address().port)));
const freePort = async () => { const s = net.createServer(); const p = await listen(s); s.close(); return p; };

before(async () => {
  for (const alg of algorithms) {
    const pair = await jose.generateKeyPair(alg, { extractable: true });
    keys[alg] = pair.privateKey;
    published.push({ ...(await jose.exportJWK(pair.publicKey)), kid: alg, alg, use: 'sig' });
  }
  issuerServer = http.createServer((req, res) => {
    asked[req.url] = (asked[req.url] ?? 0) + 1;
    if (mood === 'garbage') return res.end('<html>captive portal</html>');
    if (mood === 'down') return req.socket.destroy();
    const json = (o) => res.setHeader('Content-Type', 'application/json').end(JSON.stringify(o));
    if (req.url.endsWith('/openid-configuration')) return json({ issuer, jwks_uri: `${issuer}/keys`, introspection_endpoint: `${issuer}/introspect` });
    if (req.url.endsWith('/keys')) return json({ keys: published });
    let body = '';
    req.on('data', (d) => (body += d)).on('end', () => json(active.get(new URLSearchParams(body).get('token')) ?? { active: false }));
  });
  issuer = `http://127.0.0.1:${await listen(issuerServer)}/oauth2/test`;
  appServer = http.createServer((req, res) => res.end(JSON.stringify({ user: req.headers['x-user'] ?? null })));
  const upstream = `http://127.0.0.1:${await listen(appServer)}`;
  port = await freePort();
  const data = folder('tokens');
  const shared = `issuer: "${issuer}", audience: api://default, keys_retry: 1s, headers: {X-User: sub}`;
  const secret = remember(crypto.randomBytes(16).toString('hex')) ?? 'secret';
  fs.writeFileSync(path.join(data, 'gatehouse.yaml'), `data: ${data}/data
listeners: [{port: ${port}}]
gateway:
  hosts:
    - host: api.localhost
      routes:
        - {path: /plain, upstream: "${upstream}", token: {${shared}}}
        - {path: /bound, upstream: "${upstream}", token: {${shared}, dpop: required}}
        - {path: /nonce, upstream: "${upstream}", token: {${shared}, dpop: optional, dpop_nonce: true}}
        - {path: /strong, upstream: "${upstream}", token: {${shared}, acr_values: [mfa], max_age: 5m}}
        - {path: /asked, upstream: "${upstream}", token: {issuer: "${issuer}", audience: api://default, introspection: {client_id: gw, client_secret: env:TOKENS_SECRET}}}
`);
  house = await serve(path.join(data, 'gatehouse.yaml'), { env: { TOKENS_SECRET: String(secret) } });
});
after(async () => { issuerServer.close(); appServer.close(); assert.equal(await house.stop(), 0); });

const now = () => Math.floor(Date.now() / 1000);
const token = async (alg = 'ES256', claims = {}, header = {}) => new jose.SignJWT({ iss: issuer, aud: 'api://default', sub: 'ada', cid: 'c1', scp: ['a'], jti: crypto.randomUUID(), iat: now(), exp: now() + 600, ...claims })
  .setProtectedHeader({ alg, kid: alg, ...header }).sign(keys[alg]);
const ask = (where, headers = {}, method = 'GET') => new Promise((done, fail) => {
  http.request({ host: '127.0.0.1', port, path: where, method, headers: { Host: `api.localhost:${port}`, ...headers } }, (res) => {
    let body = '';
    res.on('data', (d) => (body += d)).on('end', () => done({ status: res.statusCode, headers: res.headers, raw: res.rawHeaders, body }));
  }).on('error', fail).end();
});
const bearer = (t) => ({ Authorization: `Bearer ${t}` });

test('every asymmetric algorithm', async () => {
  for (const alg of algorithms) {
    const answer = await ask('/plain', bearer(await token(alg)));
    assert.equal(answer.status, 200, alg);
    assert.equal(JSON.parse(answer.body).user, 'ada');
  }
  assert.equal((await ask('/plain', bearer(await token('RS256', {}, { typ: 'at+jwt' })))).status, 200);
});

test('CVE-2026-44699, CVE-2026-39999: the algorithm is the key\'s', async () => {
  const rsa = { ...published.find((k) => k.kid === 'RS256') };
  for (const secret of ['', JSON.stringify(rsa), rsa.n]) {
    const key = new TextEncoder().encode(secret.padEnd(64, '\0'));
    const forged = await new jose.SignJWT({ iss: issuer, aud: 'api://default', sub: 'eve', cid: 'c', exp: now() + 60 }).setProtectedHeader({ alg: 'HS256', kid: 'RS256' }).sign(key);
    assert.equal((await ask('/plain', bearer(forged))).status, 401);
  }
});

test('GHSA-wcvh-g65p-v576 and kin: what is not for us, without end, or an ID token', async () => {
  for (const claims of [{ aud: 'other' }, { aud: undefined }, { exp: undefined }, { exp: 1e300 }, { exp: now() - 60 }, { nbf: now() + 600 }, { iat: now() + 600 },
    { iss: 'https://evil.example' }, { nonce: 'n' }, { scp: undefined, cid: undefined }, { cnf: { kid: 'x' } }]) {
    const answer = await ask('/plain', bearer(await token('ES256', claims)));
    assert.equal(answer.status, 401, JSON.stringify(claims));
    assert.match(answer.headers['www-authenticate'], /error="invalid_token"/);
  }
});

test('PortSwigger 00200904: keys in the header are ignored and nobody is asked', async () => {
  const mine = await jose.generateKeyPair('ES256', { extractable: true });
  const before = { ...asked };
  const forged = await new jose.SignJWT({ iss: issuer, aud: 'api://default', sub: 'eve', cid: 'c', exp: now() + 60 })
    .setProtectedHeader({ alg: 'ES256', jwk: await jose.exportJWK(mine.publicKey), jku: `${issuer}/evil`, x5u: `${issuer}/evil` }).sign(mine.privateKey);
  assert.equal((await ask('/plain', bearer(forged))).status, 401);
  assert.equal(asked['/oauth2/test/evil'], undefined);
  assert.deepEqual(before['/oauth2/test/keys'], asked['/oauth2/test/keys']);
});

test('Kong#9946: more than one token', async () => {
  const good = await token();
  assert.equal((await ask(`/plain?access_token=${good}`)).status, 400);
  assert.equal((await ask(`/plain?access_token=${good}`, bearer(good))).status, 400);
  assert.equal((await ask('/plain', { Authorization: [`Bearer ${good}`, `Bearer ${good}`] })).status, 400);
});

test('DPoP: bound tokens with a proof, each once; nothing else', async () => {
  const pair = await jose.generateKeyPair('ES256', { extractable: true });
  const jwk = await jose.exportJWK(pair.publicKey);
  const bound = await token('ES256', { cnf: { jkt: await jose.calculateJwkThumbprint(jwk) } });
  const proof = (where, claims = {}, method = 'GET') => new jose.SignJWT({ jti: crypto.randomUUID(), htm: method, htu: `http://api.localhost:${port}${where}`, iat: now(),
    ath: crypto.createHash('sha256').update(bound).digest('base64url'), ...claims }).setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk }).sign(pair.privateKey);
  const dpop = (p, t = bound) => ({ Authorization: `DPoP ${t}`, ...(p ? { DPoP: p } : {}) });
  const good = await proof('/bound');
  assert.equal((await ask('/bound', dpop(good))).status, 200);
  const again = await ask('/bound', dpop(good));
  assert.equal(again.status, 401);
  assert.match(again.headers['www-authenticate'], /^DPoP .*error="invalid_dpop_proof"/);
  for (const bad of [null, 'x', await proof('/plain'), await proof('/bound', {}, 'POST'), await proof('/bound', { ath: 'x' }), await proof('/bound', { iat: now() - 3600 })])
    assert.equal((await ask('/bound', dpop(bad))).status, 401);
  assert.equal((await ask('/bound', { Authorization: `DPoP ${bound}`, DPoP: [await proof('/bound'), await proof('/bound')] })).status, 401);
  assert.equal((await ask('/bound', bearer(bound))).status, 401, 'downgrade');
  assert.equal((await ask('/plain', bearer(bound))).status, 401, 'downgrade where DPoP is off');
  assert.equal((await ask('/bound', dpop(await proof('/bound'), await token()))).status, 401, 'a token that is not bound');
  assert.equal((await ask('/bound?a=1', dpop(await proof('/bound')))).status, 200, 'a good one still works');
  const first = await ask('/nonce', dpop(await proof('/nonce')));
  assert.equal(first.status, 401);
  assert.match(first.headers['www-authenticate'], /error="use_dpop_nonce"/);
  const nonce = first.headers['dpop-nonce'];
  assert.ok(nonce);
  assert.equal((await ask('/nonce', dpop(await proof('/nonce', { nonce })))).status, 200);
  assert.equal((await ask('/nonce', bearer(await token()))).status, 200, 'optional: plain bearer tokens pass');
});

test('RFC 9470: how somebody signed in', async () => {
  const weak = await ask('/strong', bearer(await token('ES256', { acr: 'pwd', auth_time: now() })));
  assert.equal(weak.status, 401);
  assert.match(weak.headers['www-authenticate'], /error="insufficient_user_authentication".*acr_values="mfa".*max_age="300"/);
  assert.equal((await ask('/strong', bearer(await token('ES256', { acr: 'mfa', auth_time: now() - 3600 })))).status, 401);
  assert.equal((await ask('/strong', bearer(await token('ES256', { acr: 'mfa' })))).status, 401);
  assert.equal((await ask('/strong', bearer(await token('ES256', { acr: 'mfa', auth_time: now() - 10 })))).status, 200);
});

test('RFC 9728: an API says who issues tokens for it', async () => {
  const challenge = (await ask('/bound')).headers['www-authenticate'];
  const url = /resource_metadata="([^"]+)"/.exec(challenge)[1];
  const about = await ask(new URL(url).pathname);
  assert.equal(about.status, 200);
  const body = JSON.parse(about.body);
  assert.equal(body.resource, `http://api.localhost:${port}/bound`);
  assert.deepEqual(body.authorization_servers, [issuer]);
  assert.equal(body.dpop_bound_access_tokens_required, true);
  assert.equal((await ask('/.well-known/oauth-protected-resource/bound/deeper')).status, 404);
});

test('opaque tokens: the issuer is asked, once for a while', async () => {
  active.set('opaque-1', { active: true, aud: 'api://default', sub: 'ada', scope: 'a', exp: now() + 600 });
  const count = () => asked['/oauth2/test/introspect'] ?? 0;
  for (let i = 0; i < 3; i++) assert.equal((await ask('/asked', bearer('opaque-1'))).status, 200);
  assert.equal(count(), 1);
  for (let i = 0; i < 3; i++) assert.equal((await ask('/asked', bearer('opaque-2'))).status, 401);
  assert.equal(count(), 2);
});

test('an issuer in trouble: known tokens go on, unknown opaque ones get 503, nothing opens', async () => {
  const known = await token();
  assert.equal((await ask('/plain', bearer(known))).status, 200);
  for (mood of ['down', 'garbage']) {
    assert.equal((await ask('/plain', bearer(known))).status, 200, mood);
    const answer = await ask('/asked', bearer(`opaque-${mood}`));
    assert.equal(answer.status, 503, mood);
    assert.ok(answer.headers['retry-after']);
    assert.equal((await ask('/plain', bearer('x.y.z'))).status, 401, mood);
  }
  mood = 'well';
});

test('rotation: a new key is found at once, a storm of unknown ones asks at most once a second', async () => {
  const pair = await jose.generateKeyPair('ES256', { extractable: true });
  published = [...published, { ...(await jose.exportJWK(pair.publicKey)), kid: 'new', alg: 'ES256' }];
  await new Promise((r) => setTimeout(r, 1100));
  const fresh = await new jose.SignJWT({ iss: issuer, aud: 'api://default', sub: 'ada', cid: 'c', exp: now() + 60 }).setProtectedHeader({ alg: 'ES256', kid: 'new' }).sign(pair.privateKey);
  assert.equal((await ask('/plain', bearer(fresh))).status, 200);
  const before = asked['/oauth2/test/keys'], began = Date.now();
  for (let i = 0; i < 40; i++) assert.equal((await ask('/plain', bearer(await token('ES256', {}, { kid: `no-${i}` })))).status, 401);
  assert.ok(asked['/oauth2/test/keys'] - before <= 1 + Math.ceil((Date.now() - began) / 1000));
});
