// Signing out as clients see it: openid-client asks for it, a stub client hears of it, jose proves what it hears.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { folder, remember, serve, sleep } from './lib/gatehouse.js';
import { authorize } from './lib/oidc.js';
import * as jose from 'jose';
import * as oidc from 'openid-client';

const dir = folder('logout');
const file = (name) => path.join(dir, name);
const robotSecret = remember('robot-secret-robot-secret-robot-secret'), clientSecret = remember('wiki-secret-wiki-secret-wiki-secret-x');
const ada = { login: 'ada@example.com', password: remember('correct horse battery staple 9') };
const callback = 'http://localhost:1/callback', bye = 'http://localhost:1/bye';
let house, plain, party, hidden, bearer, wiki;
const heard = [];

const freePort = () => new Promise((r) => { const s = net.createServer().listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => r(port)); }); });

async function api(method, target, body) {
  const answer = await fetch(plain + target, { method, headers: { authorization: `Bearer ${bearer}`, ...(body ? { 'content-type': 'application/json' } : {}) }, body: body && JSON.stringify(body) });
  const text = await answer.text();
  return { status: answer.status, body: text ? JSON.parse(text) : undefined };
}

async function register(label, uri) {
  const { status, body } = await api('POST', '/api/v1/apps', {
    label, signOnMode: 'OPENID_CONNECT', credentials: { oauthClient: { token_endpoint_auth_method: 'client_secret_basic' } },
    settings: { oauthClient: { application_type: 'web', grant_types: ['authorization_code'], redirect_uris: [callback], post_logout_redirect_uris: [bye],
      backchannel_logout_uri: uri, backchannel_logout_session_required: true } },
  });
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body.settings.oauthClient.backchannel_logout_uri, uri);
  assert.equal(body.settings.oauthClient.backchannel_logout_session_required, true);
  const { client_id, client_secret } = body.credentials.oauthClient;
  remember(client_secret);
  const everyone = (await api('GET', '/api/v1/groups?q=Everyone')).body[0].id;
  assert.equal((await api('PUT', `/api/v1/apps/${body.id}/groups/${everyone}`, {})).status, 200);
  return oidc.discovery(new URL(`${plain}/oauth2/default`), client_id, undefined, oidc.ClientSecretBasic(client_secret), { execute: [oidc.allowInsecureRequests] });
}

async function signIn(config, visitor) {
  const { callback: at, checks, visitor: browser } = await authorize(config, callback, ada, { visitor, scope: 'openid' });
  const tokens = await oidc.authorizationCodeGrant(config, at, checks);
  remember(tokens.access_token, tokens.id_token);
  return { tokens, browser, claims: tokens.claims() };
}

async function hear(count, within = 8000) {
  for (const until = Date.now() + within; heard.length < count && Date.now() < until;) await sleep(50);
  return heard.length;
}

// OpenID Connect Back-Channel Logout 1.0 §2.6, as a client has to do it.
async function verified(config, token) {
  const { issuer, jwks_uri } = config.serverMetadata();
  const { payload } = await jose.jwtVerify(token, jose.createRemoteJWKSet(new URL(jwks_uri)), { issuer, audience: config.clientMetadata().client_id, typ: 'logout+jwt', requiredClaims: ['jti', 'exp', 'iat'] });
  assert.deepEqual(payload.events['http://schemas.openid.net/event/backchannel-logout'], {});
  assert.equal(payload.nonce, undefined);
  assert.ok(payload.exp - payload.iat <= 120);
  return payload;
}

before(async () => {
  party = http.createServer((request, reply) => {
    let text = '';
    request.on('data', (d) => (text += d));
    request.on('end', () => { heard.push({ url: request.url, method: request.method, token: new URLSearchParams(text).get('logout_token') }); reply.statusCode = party.answer ?? 200; reply.end(); });
  }).listen(0, '127.0.0.1');
  hidden = http.createServer((request, reply) => { ++hidden.asked; reply.end(); }).listen(0, '127.0.0.1');
  hidden.asked = 0;
  await Promise.all([party, hidden].map((s) => s.listening || new Promise((r) => s.once('listening', r))));
  const port = await freePort();
  plain = `http://localhost:${port}`;
  fs.writeFileSync(file('robot'), robotSecret + '\n', { mode: 0o600 });
  fs.writeFileSync(file('ada'), ada.password + '\n', { mode: 0o600 });
  fs.writeFileSync(file('seed.yaml'), `
users:
  - {login: ${ada.login}, first_name: Ada, last_name: Lovelace, password: "file:${file('ada')}"}
apps:
  - {label: Robot, client_id: robot, kind: service, auth: secret_post, client_secret: "file:${file('robot')}", scopes: [okta.apps.manage, okta.groups.manage, okta.sessions.manage, okta.logs.read]}
`);
  fs.writeFileSync(file('gatehouse.yaml'), `
data: data
seed: seed.yaml
listeners: [{port: ${port}}]
org:
  hosts: [localhost]
  fetch_from: ["127.0.0.1:${party.address().port}"]
`);
  house = await serve(file('gatehouse.yaml'));
  const answer = await fetch(`${plain}/oauth2/v1/token`, { method: 'POST', body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'okta.apps.manage okta.groups.manage okta.sessions.manage okta.logs.read', client_id: 'robot', client_secret: robotSecret }) });
  bearer = remember((await answer.json()).access_token);
  wiki = await register('Wiki', `http://127.0.0.1:${party.address().port}/out?tenant=7`);
});
after(async () => {
  party.close();
  hidden.close();
  assert.equal(await house.stop(), 0);
});

test('the metadata promises it', () => {
  const metadata = wiki.serverMetadata();
  assert.equal(metadata.backchannel_logout_supported, true);
  assert.equal(metadata.backchannel_logout_session_supported, true);
});

test('a person signs out at a client: back at its address, and it hears of it by itself', async () => {
  heard.length = 0;
  const { tokens, browser, claims } = await signIn(wiki);
  assert.match(claims.sid, /^102/);
  const url = oidc.buildEndSessionUrl(wiki, { id_token_hint: tokens.id_token, post_logout_redirect_uri: bye, state: 's1' });
  const page = await browser.open(url.href, {}, (at) => at.startsWith(bye));
  assert.equal(page.stopped, `${bye}?state=s1`);
  assert.equal(await hear(1), 1);
  assert.equal(heard[0].method, 'POST');
  assert.equal(heard[0].url, '/out?tenant=7');
  const told = await verified(wiki, heard[0].token);
  assert.equal(told.sid, claims.sid);
  assert.equal(told.sub, claims.sub);
  await sleep(1500);
  assert.equal(heard.length, 1, 'told once');
});

test('an administrator ends the session: the client hears of it, and the System Log says so', async () => {
  heard.length = 0;
  const { claims } = await signIn(wiki);
  assert.equal((await api('DELETE', `/api/v1/sessions/${claims.sid}`)).status, 204);
  assert.equal(await hear(1), 1);
  assert.equal((await verified(wiki, heard[0].token)).sid, claims.sid);
  const events = (await api('GET', `/api/v1/logs?filter=${encodeURIComponent('eventType eq "app.oauth2.as.backchannel_logout"')}`)).body;
  assert.ok(events.some((e) => e.outcome.result === 'SUCCESS' && e.debugContext.debugData.externalSessionId === claims.sid), JSON.stringify(events).slice(0, 800));
});

test('an address inside that the configuration does not name is not reached', async () => {
  const inside = await register('Inside', `http://127.0.0.1:${hidden.address().port}/out`);
  const { claims } = await signIn(inside);
  assert.equal((await api('DELETE', `/api/v1/sessions/${claims.sid}`)).status, 204);
  const failed = async () => (await api('GET', `/api/v1/logs?filter=${encodeURIComponent('eventType eq "app.oauth2.as.backchannel_logout"')}`)).body.filter((e) => e.outcome.result === 'FAILURE');
  for (const until = Date.now() + 8000; !(await failed()).length && Date.now() < until;) await sleep(100);
  assert.equal((await failed()).length, 1);
  assert.equal(hidden.asked, 0);
});

test('an address that is none is refused when it is registered', async () => {
  for (const uri of ['https://app.example.com/out#x', 'javascript:alert(1)', '/out', 'ftp://app.example.com/out']) {
    const { status } = await api('POST', '/api/v1/apps', { label: 'Bad', signOnMode: 'OPENID_CONNECT', credentials: { oauthClient: {} },
      settings: { oauthClient: { application_type: 'web', redirect_uris: [callback], backchannel_logout_uri: uri } } });
    assert.equal(status, 400, uri);
  }
});
