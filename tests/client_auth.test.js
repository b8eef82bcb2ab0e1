// Every way in which a client proves itself, with openid-client and jose, over real TLS with an authority of our own.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { folder, remember, serve } from './lib/gatehouse.js';
import * as jose from 'jose';
import * as oidc from 'openid-client';

const robotSecret = remember('robot-secret-robot-secret-robot-secret');
const dir = folder('client-auth');
let house, plain, secure, keyServer, forbidden;
const served = { body: '{}', asked: 0 };

const freePort = () => new Promise((r) => { const s = net.createServer().listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => r(port)); }); });
const file = (name) => path.join(dir, name);
const openssl = (...args) => execFileSync('openssl', args, { stdio: 'pipe' });

// An authority, a server certificate, client certificates of the authority and one of nobody's.
function makeCertificates() {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'];
  openssl('req', '-x509', ...key, '-keyout', file('ca.key'), '-out', file('ca.pem'), '-subj', '/CN=Test CA', '-addext', 'keyUsage=critical,keyCertSign');
  openssl('req', '-x509', ...key, '-keyout', file('alone.key'), '-out', file('alone.pem'), '-subj', '/CN=bot/O=Engines', '-addext', 'subjectAltName=URI:spiffe://bots/1');
  const issue = (name, subject, names, usage) => {
    fs.writeFileSync(file('ext'), `subjectAltName=${names}\nextendedKeyUsage=${usage}\nbasicConstraints=CA:FALSE\n`);
    openssl('req', ...key.slice(0, 5), '-keyout', file(`${name}.key`), '-out', file('csr'), '-subj', subject);
    openssl('x509', '-req', '-in', file('csr'), '-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-days', '30', '-extfile', file('ext'), '-out', file(`${name}.pem`));
  };
  issue('server', '/CN=localhost', 'DNS:localhost', 'serverAuth');
  issue('bot', '/O=Engines/CN=bot', 'DNS:bot.example.com,URI:spiffe://bots/1,email:bot@example.com,IP:192.0.2.10', 'clientAuth');
  issue('other', '/O=Engines/CN=other', 'DNS:other.example.com', 'clientAuth');
  issue('misused', '/O=Engines/CN=bot', 'DNS:bot.example.com', 'serverAuth');
}

// fetch() with a client certificate.
const fetchAs = (certificate) => (url, options = {}) => new Promise((resolve, reject) => {
  const own = certificate ? { cert: fs.readFileSync(file(`${certificate}.pem`)), key: fs.readFileSync(file(`${certificate}.key`)) } : {};
  const headers = Object.fromEntries(new Headers(options.headers));
  const body = options.body === undefined || options.body === null ? undefined : String(options.body);
  if (body !== undefined) headers['content-length'] = String(Buffer.byteLength(body));
  const asked = https.request(url, { method: options.method ?? 'GET', headers, ca: fs.readFileSync(file('ca.pem')), agent: false, ...own }, (answer) => {
    let text = '';
    answer.on('data', (d) => (text += d));
    answer.on('end', () => resolve(new Response(text || null, { status: answer.statusCode, headers: Object.entries(answer.headers).map(([k, v]) => [k, String(v)]) })));
  });
  asked.on('error', reject);
  asked.end(body);
});

const form = (fields) => ({ method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams(fields).toString() });
const ask = async (fields, { headers = {}, at = '/oauth2/default/v1/token' } = {}) => {
  const request = form(fields);
  const answer = await fetch(plain + at, { ...request, headers: { ...request.headers, ...headers } });
  const body = await answer.json();
  remember(body.access_token);
  return { status: answer.status, body };
};

let bearer;
async function api(method, target, body) {
  const answer = await fetch(plain + target, { method, headers: { authorization: `Bearer ${bearer}`, ...(body ? { 'content-type': 'application/json' } : {}) }, body: body && JSON.stringify(body) });
  const text = await answer.text();
  return { status: answer.status, body: text ? JSON.parse(text) : undefined };
}

let serial = 0;
const registration = (method, settings = {}) => ({
  label: `Bot ${++serial}`, signOnMode: 'OPENID_CONNECT', credentials: { oauthClient: { token_endpoint_auth_method: method } },
  settings: { oauthClient: { application_type: 'service', grant_types: ['client_credentials'], ...settings } },
});
async function register(method, settings) {
  const { status, body } = await api('POST', '/api/v1/apps', registration(method, settings));
  assert.equal(status, 200, JSON.stringify(body));
  const { client_id, client_secret } = body.credentials.oauthClient;
  remember(client_secret);
  return { id: body.id, client_id, client_secret };
}

async function newKey(alg = 'ES256', kid = `k${++serial}`) {
  const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await jose.exportJWK(publicKey)), kid, alg, use: 'sig' };
  const pair = { ...(await jose.exportJWK(privateKey)), kid, alg, use: 'sig' };
  remember(pair.d);
  return { kid, alg, privateKey, jwk, pair };
}
const assertion = (client, key, { alg = key.alg, aud = `${plain}/oauth2/default/v1/token`, jti = crypto.randomUUID(), exp = '5m' } = {}) =>
  new jose.SignJWT({ jti }).setProtectedHeader({ alg, kid: key.kid }).setIssuer(client.client_id).setSubject(client.client_id).setAudience(aud).setIssuedAt().setExpirationTime(exp).sign(key.privateKey);
const proof = (text) => ({ client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: text });
const grant = { grant_type: 'client_credentials', scope: 'read' };

async function grantBy(client, auth, { base = plain, certificate } = {}) {
  const options = base === plain ? { execute: [oidc.allowInsecureRequests] } : { [oidc.customFetch]: fetchAs(certificate) };
  const config = await oidc.discovery(new URL(`${base}/oauth2/default`), client.client_id, undefined, auth, options);
  if (base !== plain) config[oidc.customFetch] = fetchAs(certificate);
  const tokens = await oidc.clientCredentialsGrant(config, { scope: 'read' });
  remember(tokens.access_token);
  return tokens;
}

async function start() {
  house = await serve(file('gatehouse.yaml'));
  const { body } = await ask({ grant_type: 'client_credentials', scope: 'okta.apps.manage okta.apps.read okta.logs.read', client_id: 'robot', client_secret: robotSecret }, { at: '/oauth2/v1/token' });
  bearer = body.access_token;
  assert.ok(bearer, JSON.stringify(body));
}

before(async () => {
  makeCertificates();
  keyServer = http.createServer((request, reply) => { ++served.asked; reply.setHeader('content-type', 'application/json'); reply.end(served.body); }).listen(0, '127.0.0.1');
  forbidden = http.createServer((request, reply) => { ++forbidden.asked; reply.end(served.body); }).listen(0, '127.0.0.1');
  forbidden.asked = 0;
  await Promise.all([keyServer, forbidden].map((s) => s.listening || new Promise((r) => s.once('listening', r))));
  const [port, tlsPort] = [await freePort(), await freePort()];
  plain = `http://localhost:${port}`;
  secure = `https://localhost:${tlsPort}`;
  fs.writeFileSync(file('secret'), robotSecret + '\n', { mode: 0o600 });
  fs.writeFileSync(file('seed.yaml'), `
apps:
  - {label: Robot, client_id: robot, kind: service, auth: secret_post, client_secret: "file:${file('secret')}", scopes: [okta.apps.manage, okta.apps.read, okta.logs.read]}
authorization_servers:
  - {id: default, audience: "api://default", signing_alg: ES256, scopes: [{name: read}]}
`);
  fs.writeFileSync(file('gatehouse.yaml'), `
data: data
seed: seed.yaml
log: {level: debug}
org: {hosts: [localhost], fetch_from: ["127.0.0.1:${keyServer.address().port}"]}
listeners:
  - {port: ${port}}
  - port: ${tlsPort}
    tls: {certificate: server.pem, key: server.key, client_ca: ca.pem, client_certificates: any}
`);
  await start();
});
after(async () => {
  keyServer?.close();
  forbidden?.close();
  assert.equal(await house?.stop(), 0);
});

describe('openid-client gets a token by', () => {
  for (const [name, auth] of [['client_secret_basic', oidc.ClientSecretBasic], ['client_secret_post', oidc.ClientSecretPost], ['client_secret_jwt', oidc.ClientSecretJwt]]) {
    test(name, async () => {
      const client = await register(name);
      assert.equal((await grantBy(client, auth(client.client_secret))).token_type.toLowerCase(), 'bearer');
      // A refusal that carries a challenge (RFC 6749 §5.2, for Basic) is that challenge to this client.
      await assert.rejects(grantBy(client, auth('x'.repeat(64))), (e) => e.error === 'invalid_client' || (name === 'client_secret_basic' && e.status === 401 && e.cause?.[0]?.scheme === 'basic'));
    });
  }
  for (const alg of ['ES256', 'RS256', 'PS256', 'Ed25519', 'ES384', 'ES512']) {
    test(`private_key_jwt with ${alg}`, async () => {
      const key = await newKey(alg);
      const jwk = { ...key.jwk, alg: alg === 'Ed25519' ? 'EdDSA' : alg };
      const client = await register('private_key_jwt', { jwks: { keys: [jwk] } });
      if (alg === 'Ed25519') {
        const answer = await ask({ ...grant, ...proof(await assertion(client, key, { alg: 'EdDSA' })) });
        assert.equal(answer.status, 200, JSON.stringify(answer.body));
        return;
      }
      assert.ok((await grantBy(client, oidc.PrivateKeyJwt({ key: key.privateKey, kid: key.kid }))).access_token);
      const stranger = await newKey(alg, key.kid);
      await assert.rejects(grantBy(client, oidc.PrivateKeyJwt({ key: stranger.privateKey, kid: key.kid })), (e) => e.error === 'invalid_client');
    });
  }
  for (const [member, value] of Object.entries({
    tls_client_auth_subject_dn: 'CN=bot, O=Engines', tls_client_auth_san_dns: 'bot.example.com', tls_client_auth_san_uri: 'spiffe://bots/1',
    tls_client_auth_san_email: 'bot@example.com', tls_client_auth_san_ip: '192.0.2.10',
  })) {
    test(`tls_client_auth, ${member}`, async () => {
      const client = await register('tls_client_auth', { [member]: value });
      assert.ok((await grantBy(client, oidc.TlsClientAuth(), { base: secure, certificate: 'bot' })).access_token);
      // Of nobody's authority (CVE-2023-2422), of another name, made for servers, none at all.
      for (const certificate of ['alone', 'other', 'misused', undefined])
        await assert.rejects(grantBy(client, oidc.TlsClientAuth(), { base: secure, certificate }), (e) => e.error === 'invalid_client', String(certificate));
    });
  }
  test('self_signed_tls_client_auth', async () => {
    const pem = fs.readFileSync(file('alone.pem'), 'utf8');
    const jwk = { ...(await jose.exportJWK(await jose.importX509(pem, 'ES256', { extractable: true }))), kid: 'tls', x5c: [pem.replace(/-----[^-]+-----|\s/g, '')] };
    const client = await register('self_signed_tls_client_auth', { jwks: { keys: [jwk] } });
    assert.ok((await grantBy(client, oidc.TlsClientAuth(), { base: secure, certificate: 'alone' })).access_token);
    for (const certificate of ['bot', undefined])
      await assert.rejects(grantBy(client, oidc.TlsClientAuth(), { base: secure, certificate }), (e) => e.error === 'invalid_client');
  });
});

test('a certificate in a header is nobody\'s', async () => {
  const client = await register('tls_client_auth', { tls_client_auth_san_dns: 'bot.example.com' });
  const pem = fs.readFileSync(file('bot.pem'), 'utf8');
  for (const name of ['ssl-client-cert', 'x-ssl-cert', 'x-forwarded-client-cert', 'client-cert', 'x-client-cert', 'x-amzn-mtls-clientcert'])
    assert.equal((await ask({ ...grant, client_id: client.client_id }, { headers: { [name]: encodeURIComponent(pem) } })).body.error, 'invalid_client', name);
});

test('tokens bound to a certificate are good with it alone', async () => {
  const client = await register('tls_client_auth', { tls_client_auth_san_dns: 'bot.example.com', tls_client_certificate_bound_access_tokens: true });
  const bound = await grantBy(client, oidc.TlsClientAuth(), { base: secure, certificate: 'bot' });
  const der = Buffer.from(fs.readFileSync(file('bot.pem'), 'utf8').replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const expected = Buffer.from(await crypto.subtle.digest('SHA-256', der)).toString('base64url');
  assert.equal(jose.decodeJwt(bound.access_token).cnf['x5t#S256'], expected);
  const told = await (await fetchAs('bot')(`${secure}/oauth2/default/v1/introspect`, form({ token: bound.access_token, client_id: client.client_id }))).json();
  assert.equal(told.active, true);
  assert.equal(told.cnf['x5t#S256'], expected);
});

test('of 64 parallel uses of one assertion exactly one wins, and a crash forgets nothing', async () => {
  const key = await newKey();
  const client = await register('private_key_jwt', { jwks: { keys: [key.jwk] } });
  const one = await assertion(client, key);
  const answers = await Promise.all(Array.from({ length: 64 }, () => ask({ ...grant, ...proof(one) })));
  assert.equal(answers.filter((a) => a.status === 200).length, 1);
  assert.ok(answers.filter((a) => a.status !== 200).every((a) => a.status === 401 && a.body.error === 'invalid_client'));
  for (const endpoint of ['introspect', 'revoke'])
    assert.equal((await ask({ token: 'x', ...proof(one) }, { at: `/oauth2/default/v1/${endpoint}` })).status, 401);
  await house.kill();
  await start();
  assert.equal((await ask({ ...grant, ...proof(one) })).status, 401, 'used before the crash');
  assert.equal((await ask({ ...grant, ...proof(await assertion(client, key)) })).status, 200);
});

test('assertions that are not for us, not yet, no longer, or not signed', async () => {
  const key = await newKey();
  const client = await register('private_key_jwt', { jwks: { keys: [key.jwk] } });
  const refused = async (text) => { const a = await ask({ ...grant, ...proof(text) }); assert.deepEqual([a.status, a.body.error], [401, 'invalid_client'], JSON.stringify(a.body)); };
  await refused(await assertion(client, key, { aud: 'https://other.example/oauth2/default/v1/token' }));
  await refused(await assertion(client, key, { aud: `${plain}/oauth2/v1/token` }));
  await refused(await assertion(client, key, { aud: [`${plain}/oauth2/default/v1/token`, 'https://evil.example'] }));
  await refused(await assertion(client, key, { exp: '3h' }));
  await refused(await assertion(client, key, { exp: '-10m' }));
  await refused(new jose.UnsecuredJWT({}).setIssuer(client.client_id).setSubject(client.client_id).setAudience(`${plain}/oauth2/default/v1/token`).setExpirationTime('5m').encode());
  // The public key as an HMAC secret (RFC 8725 §2.1).
  const pem = new TextEncoder().encode(await jose.exportSPKI(await jose.importJWK(key.jwk)));
  await refused(await assertion(client, { ...key, privateKey: pem, alg: 'HS256' }));
  for (const aud of [`${plain}/oauth2/default`, `${plain}//oauth2/default/v1/token`, [`${plain}/oauth2/default`, `${plain}/oauth2/default/v1/token`]])
    assert.equal((await ask({ ...grant, ...proof(await assertion(client, key, { aud })) })).status, 200, String(aud));
});

test('the OpenMetadata bot: everything in the address, an empty body', async () => {
  const key = await newKey();
  const client = await register('private_key_jwt', { jwks: { keys: [key.jwk] } });
  const query = new URLSearchParams({ ...grant, ...proof(await assertion(client, key)) });
  assert.equal((await fetch(`${plain}/oauth2/default/v1/token?${query}`, { method: 'POST' })).status, 200);
  const secret = await register('client_secret_post');
  const leaking = new URLSearchParams({ ...grant, client_id: secret.client_id, client_secret: secret.client_secret });
  assert.equal((await (await fetch(`${plain}/oauth2/default/v1/token?${leaking}`, { method: 'POST' })).json()).error, 'invalid_request');
});

test('a disabled client is refused in every way, and the System Log says why', async () => {
  const key = await newKey();
  const basic = await register('client_secret_basic'), post = await register('client_secret_post'), signing = await register('client_secret_jwt');
  const signer = await register('private_key_jwt', { jwks: { keys: [key.jwk] } });
  const tls = await register('tls_client_auth', { tls_client_auth_san_dns: 'bot.example.com' });
  const attempts = async () => [
    (await ask(grant, { headers: { authorization: `Basic ${btoa(`${basic.client_id}:${basic.client_secret}`)}` } })).status,
    (await ask({ ...grant, client_id: post.client_id, client_secret: post.client_secret })).status,
    (await ask({ ...grant, ...proof(await assertion(signing, { alg: 'HS256', privateKey: new TextEncoder().encode(signing.client_secret) })) })).status,
    (await ask({ ...grant, ...proof(await assertion(signer, key)) })).status,
    (await fetchAs('bot')(`${secure}/oauth2/default/v1/token`, form({ ...grant, client_id: tls.client_id }))).status,
  ];
  assert.deepEqual(await attempts(), [200, 200, 200, 200, 200]);
  for (const client of [basic, post, signing, signer, tls]) assert.equal((await api('POST', `/api/v1/apps/${client.id}/lifecycle/deactivate`)).status, 200);
  assert.deepEqual(await attempts(), [401, 401, 401, 401, 401]);
  const logged = async () => (await api('GET', '/api/v1/logs?limit=1000&sortOrder=DESCENDING')).body.filter((e) => e.eventType === 'app.oauth2.as.token.grant' && e.outcome.result === 'FAILURE');
  let events = [];
  for (let i = 0; i < 50 && !events.some((e) => e.actor.id === tls.client_id); ++i) events = await logged();
  for (const client of [basic, post, signing, signer, tls])
    assert.ok(events.some((e) => e.actor.id === client.client_id && e.outcome.reason.startsWith('invalid_client')), client.client_id);
});

test('two secrets live side by side while a client changes over', async () => {
  const client = await register('client_secret_post');
  const secrets = `/api/v1/apps/${client.id}/credentials/secrets`;
  const added = await api('POST', secrets);
  assert.equal(added.status, 201);
  const next = remember(added.body.client_secret);
  const works = async (secret) => (await ask({ ...grant, client_id: client.client_id, client_secret: secret })).status === 200;
  assert.ok(await works(client.client_secret) && await works(next));
  assert.equal((await api('POST', secrets)).status, 400);
  const [first] = (await api('GET', secrets)).body;
  assert.equal(first.client_secret, undefined);
  assert.equal((await api('POST', `${secrets}/${first.id}/lifecycle/deactivate`)).body.status, 'INACTIVE');
  assert.ok(!(await works(client.client_secret)) && await works(next));
  assert.equal((await api('DELETE', `${secrets}/${first.id}`)).status, 204);
});

test('a private key sent by mistake is refused and found nowhere afterwards', async () => {
  const key = await newKey(), rsa = await newKey('RS256');
  for (const pair of [key.pair, rsa.pair]) {
    const { status, body } = await api('POST', '/api/v1/apps', registration('private_key_jwt', { jwks: { keys: [pair] } }));
    assert.equal(status, 400);
    assert.match(body.errorCauses[0].errorSummary, /private half/);
  }
  const client = await register('private_key_jwt', { jwks: { keys: [key.jwk] } });
  const { kid, ...unnamed } = key.pair;
  assert.equal((await api('POST', `/api/v1/apps/${client.id}/credentials/jwks`, { ...unnamed, kid: 'pair' })).status, 400);
  const searched = [house.logFile, ...fs.readdirSync(file('data')).map((name) => path.join(file('data'), name))].filter((name) => fs.statSync(name).isFile());
  assert.ok(searched.length >= 2);
  for (const name of searched)
    for (const half of [key.pair.d, rsa.pair.d, rsa.pair.p, client.client_secret].filter(Boolean))
      assert.equal(fs.readFileSync(name).includes(half), false, name);
});

describe('jwks_uri', () => {
  const at = (server) => `http://127.0.0.1:${server.address().port}/keys`;
  test('keys are fetched once, and a new one is found', async () => {
    const [first, second] = [await newKey(), await newKey()];
    served.body = JSON.stringify({ keys: [first.jwk] });
    const client = await register('private_key_jwt', { jwks_uri: at(keyServer) });
    const before = served.asked;
    for (let i = 0; i < 5; ++i) assert.equal((await ask({ ...grant, ...proof(await assertion(client, first)) })).status, 200);
    assert.equal(served.asked, before + 1);
    served.body = JSON.stringify({ keys: [first.jwk, second.jwk] });
    assert.equal((await ask({ ...grant, ...proof(await assertion(client, first)) })).status, 200);
    assert.equal(served.asked, before + 1);
  });
  // CVE-2020-10770, CVE-2026-1180 (Keycloak): an address of the client's choice reached what only the server can reach.
  test('private addresses are not reached unless they are allowed', async () => {
    const key = await newKey();
    served.body = JSON.stringify({ keys: [key.jwk] });
    for (const jwks_uri of [at(forbidden), `http://localhost:${forbidden.address().port}/keys`]) {
      const client = await register('private_key_jwt', { jwks_uri });
      const answer = await ask({ ...grant, ...proof(await assertion(client, key)) });
      assert.deepEqual([answer.status, answer.body.error], [401, 'invalid_client']);
      assert.doesNotMatch(JSON.stringify(answer.body), /127\.0\.0\.1|localhost/);
    }
    assert.equal(forbidden.asked, 0);
  });
});

test('metadata names exactly what is taken', async () => {
  const about = await (await fetch(`${plain}/oauth2/default/.well-known/openid-configuration`)).json();
  const all = ['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'none', 'tls_client_auth', 'self_signed_tls_client_auth'];
  for (const endpoint of ['token', 'introspection', 'revocation']) {
    assert.deepEqual(about[`${endpoint}_endpoint_auth_methods_supported`], all);
    assert.ok(about[`${endpoint}_endpoint_auth_signing_alg_values_supported`].includes('ES256'));
  }
  assert.equal(about.tls_client_certificate_bound_access_tokens, true);
});
