// DPoP (RFC 9449) with clients that others wrote: Okta's SDK for Node, which sends a proof with everything, and openid-client.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { folder, remember, serve } from './lib/gatehouse.js';
import { Visitor } from './lib/visitor.js';
import okta from '@okta/okta-sdk-nodejs';
import * as jose from 'jose';
import * as oidc from 'openid-client';

const robotSecret = remember('robot-secret-robot-secret-robot-secret'), password = remember('correct horse battery staple');
const dir = folder('dpop');
const redirect = 'http://127.0.0.1:9/callback';
const person = { login: 'ada@example.com', password };
let house, org, bearer, serial = 0;

const freePort = () => new Promise((r) => { const s = net.createServer().listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => r(port)); }); });
const file = (name) => path.join(dir, name);

async function api(method, target, body, headers = { authorization: `Bearer ${bearer}` }) {
  const answer = await fetch(org + target, { method, headers: { ...headers, ...(body ? { 'content-type': 'application/json' } : {}) }, body: body && JSON.stringify(body) });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: text ? JSON.parse(text) : undefined };
}
async function register(client, credentials) {
  const { status, body } = await api('POST', '/api/v1/apps', {
    label: `App ${++serial}`, signOnMode: 'OPENID_CONNECT', credentials: { oauthClient: credentials }, settings: { oauthClient: client },
  });
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body.settings.oauthClient.dpop_bound_access_tokens, client.dpop_bound_access_tokens ?? false);
  return { id: body.id, ...body.credentials.oauthClient };
}
async function registerBot(dpop_bound_access_tokens) {
  const { publicKey, privateKey } = await jose.generateKeyPair('RS256', { extractable: true });
  const kid = `k${++serial}`;
  const jwks = { keys: [{ ...(await jose.exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' }] };
  const bot = await register({ application_type: 'service', grant_types: ['client_credentials'], jwks, dpop_bound_access_tokens }, { token_endpoint_auth_method: 'private_key_jwt' });
  assert.equal((await api('POST', `/api/v1/apps/${bot.id}/grants`, { scopeId: 'okta.users.read', issuer: org })).status, 200);
  return { ...bot, kid, privateKey: remember(await jose.exportPKCS8(privateKey)) };
}

before(async () => {
  const port = await freePort();
  org = `http://localhost:${port}`;
  fs.writeFileSync(file('secret'), robotSecret + '\n', { mode: 0o600 });
  fs.writeFileSync(file('password'), password + '\n', { mode: 0o600 });
  fs.writeFileSync(file('seed.yaml'), `
users:
  - {login: ${person.login}, first_name: Ada, last_name: Lovelace, password: "file:${file('password')}"}
apps:
  - {label: Robot, client_id: robot, kind: service, auth: secret_post, client_secret: "file:${file('secret')}", scopes: [okta.apps.manage, okta.apps.read, okta.groups.read, okta.appGrants.manage]}
authorization_servers:
  - {id: default, audience: "api://default", signing_alg: ES256, scopes: [{name: read}]}
`);
  fs.writeFileSync(file('gatehouse.yaml'), `
data: data
seed: seed.yaml
log: {level: debug}
org: {hosts: [localhost]}
listeners:
  - {port: ${port}}
`);
  house = await serve(file('gatehouse.yaml'));
  const answer = await fetch(`${org}/oauth2/v1/token`, {
    method: 'POST', body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'okta.apps.manage okta.apps.read okta.groups.read okta.appGrants.manage', client_id: 'robot', client_secret: robotSecret }),
  });
  bearer = remember((await answer.json()).access_token);
  assert.ok(bearer);
});
after(async () => { assert.equal(await house?.stop(), 0); });

describe("Okta's SDK for Node", () => {
  for (const bound of [false, true]) {
    test(`reads users with ${bound ? 'bound' : 'bearer'} tokens`, async () => {
      const bot = await registerBot(bound);
      const client = new okta.Client({ orgUrl: org, authorizationMode: 'PrivateKey', clientId: bot.client_id, scopes: ['okta.users.read'], privateKey: bot.privateKey, keyId: bot.kid });
      for (let i = 0; i < 2; ++i) {
        const logins = [];
        for await (const user of await client.userApi.listUsers()) logins.push(user.profile.login);
        assert.deepEqual(logins, [person.login]);
      }
      assert.equal(client.oauth.isDPoP, bound);
      const { token_type, access_token } = client.oauth.accessToken;
      remember(access_token);
      assert.equal(token_type, bound ? 'DPoP' : 'Bearer');
      const stolen = await api('GET', '/api/v1/users', undefined, { authorization: `Bearer ${access_token}` });
      assert.equal(stolen.status, bound ? 401 : 200);
      if (!bound) return;
      assert.match(stolen.headers.get('www-authenticate'), /^Bearer authorization_uri="[^"]+", realm="[^"]+", error="invalid_token"/);
      const unproven = await api('GET', '/api/v1/users', undefined, { authorization: `DPoP ${access_token}` });
      assert.equal(unproven.status, 401);
      assert.match(unproven.headers.get('www-authenticate'), /^DPoP algs="[^"]*RS256[^"]*", authorization_uri="[^"]+", realm="[^"]+", error="invalid_dpop_proof", error_description="DPoP proof JWT header is missing.", resource="\/api\/v1\/users"$/);
    });
  }
});

describe('openid-client', () => {
  const kinds = {
    'a confidential client': [{ application_type: 'web' }, { token_endpoint_auth_method: 'client_secret_basic' }],
    'a public client': [{ application_type: 'browser' }, { token_endpoint_auth_method: 'none', pkce_required: true }],
  };
  for (const [kind, [settings, credentials]] of Object.entries(kinds)) {
    test(`${kind} signs in, asks userinfo and refreshes`, async () => {
      const app = await register({
        ...settings, grant_types: ['authorization_code', 'refresh_token'], redirect_uris: [redirect], dpop_bound_access_tokens: true, refresh_token: { rotation_type: 'ROTATE' },
      }, credentials);
      remember(app.client_secret);
      const everyone = (await api('GET', '/api/v1/groups?q=Everyone')).body[0].id;
      assert.equal((await api('PUT', `/api/v1/apps/${app.id}/groups/${everyone}`, {})).status, 200);
      const auth = app.client_secret ? oidc.ClientSecretBasic(app.client_secret) : oidc.None();
      const config = await oidc.discovery(new URL(`${org}/oauth2/default`), app.client_id, undefined, auth, { execute: [oidc.allowInsecureRequests] });
      const keys = await oidc.randomDPoPKeyPair('ES256');
      const DPoP = oidc.getDPoPHandle(config, keys);
      const verifier = remember(oidc.randomPKCECodeVerifier()), state = remember(oidc.randomState()), nonce = remember(oidc.randomNonce());
      const url = oidc.buildAuthorizationUrl(config, {
        redirect_uri: redirect, scope: 'openid profile offline_access', state, nonce, code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
        dpop_jkt: await DPoP.calculateThumbprint(),
      });
      const home = (address) => address.startsWith(redirect);
      const visitor = new Visitor();
      let page = await visitor.open(url.href, {}, home);
      if (!page.stopped) page = await visitor.signIn(page, person, home);
      const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce };
      const tokens = await oidc.authorizationCodeGrant(config, new URL(page.stopped), checks, undefined, { DPoP });
      remember(tokens.access_token, tokens.refresh_token, tokens.id_token);
      assert.equal(tokens.token_type, 'dpop');
      assert.equal(jose.decodeJwt(tokens.access_token).cnf.jkt, await DPoP.calculateThumbprint());
      const { sub } = tokens.claims();
      assert.equal((await oidc.fetchUserInfo(config, tokens.access_token, sub, { DPoP })).preferred_username, person.login);
      await assert.rejects(oidc.fetchUserInfo(config, tokens.access_token, sub), (e) => e.status === 401);

      // Whoever has the refresh token without the key: nothing if only the key ties it to the client.
      const stranger = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair('ES256'));
      if (!app.client_secret) await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP: stranger }), (e) => e.error === 'invalid_grant');
      const more = await oidc.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
      remember(more.access_token, more.refresh_token, more.id_token);
      assert.equal(more.token_type, 'dpop');
      assert.equal((await oidc.fetchUserInfo(config, more.access_token, sub, { DPoP })).sub, sub);
    });
  }
});
