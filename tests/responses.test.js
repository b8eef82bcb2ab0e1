// Authorization responses: every response type by every response mode for every way a client proves itself. openid-client reads
// them where it knows the combination, jose proves what is in them everywhere.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import * as jose from 'jose';
import { remember, up } from './lib/gatehouse.js';
import { oidc } from './lib/oidc.js';
import { forms, Visitor } from './lib/visitor.js';

const server = '/oauth2/default', redirect_uri = 'http://localhost:59991/cb', scope = 'openid profile email offline_access';
const types = ['code', 'id_token', 'token', 'id_token token', 'code id_token', 'code token', 'code id_token token'];
const modes = [undefined, 'query', 'fragment', 'form_post', 'okta_post_message', 'jwt', 'query.jwt', 'fragment.jwt', 'form_post.jwt'];
let house, issuer, jwks, visitor, everyone;
const clients = {};

async function api(method, path, body) {
  const answer = await fetch(house.org + path, { method, headers: { Authorization: `SSWS ${house.api_token}`, 'Content-Type': 'application/json' }, body: body && JSON.stringify(body) });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

async function register(label, method, more = {}) {
  const app = await api('POST', '/api/v1/apps', {
    label, signOnMode: 'OPENID_CONNECT', credentials: { oauthClient: { token_endpoint_auth_method: method } },
    settings: { oauthClient: { application_type: method === 'none' ? 'browser' : 'web', redirect_uris: [redirect_uri], grant_types: ['authorization_code', 'implicit', 'refresh_token'],
      response_types: ['code', 'token', 'id_token'], ...more } },
  });
  await api('PUT', `/api/v1/apps/${app.id}/groups/${everyone}`, {});
  const { client_id, client_secret } = app.credentials.oauthClient;
  remember(client_secret);
  return { client_id, client_secret };
}

before(async () => {
  house = await up();
  issuer = house.org + server;
  everyone = (await api('GET', '/api/v1/groups')).find((group) => group.profile.name === 'Everyone').id;
  const { publicKey, privateKey } = await jose.generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await jose.exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
  for (const [method, auth, more] of [
    ['client_secret_basic', (c) => oidc.ClientSecretBasic(c.client_secret)],
    ['client_secret_post', (c) => oidc.ClientSecretPost(c.client_secret)],
    ['client_secret_jwt', (c) => oidc.ClientSecretJwt(c.client_secret)],
    ['private_key_jwt', () => oidc.PrivateKeyJwt({ key: privateKey, kid: 'k1' }), { jwks: { keys: [jwk] } }],
    ['none', () => oidc.None()],
  ]) {
    const client = await register(`By ${method}`, method, more);
    clients[method] = { ...client, discover: (...execute) => oidc.discovery(new URL(issuer), client.client_id, undefined, auth(client), { execute: [oidc.allowInsecureRequests, ...execute] }) };
  }
  jwks = jose.createRemoteJWKSet(new URL(`${issuer}/v1/keys`));
  visitor = new Visitor();
  const page = await visitor.open(house.org + '/');
  await visitor.signIn(page, house.user, () => false);
});
after(async () => assert.equal(await house.stop(), 0));

const half = (text) => crypto.createHash('sha256').update(text).digest().subarray(0, 16).toString('base64url');
const unescape = (text) => text.replace(/&quot;/g, '"').replace(/&#39;/g, "'").replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');

// { by, url, parameters } of whatever came back.
async function ask(config, response_type, response_mode, more = {}) {
  const pkceCodeVerifier = remember(oidc.randomPKCECodeVerifier());
  const checks = { pkceCodeVerifier, expectedState: remember(oidc.randomState()), expectedNonce: remember(oidc.randomNonce()) };
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri, scope, response_type, ...(response_mode && { response_mode }), state: checks.expectedState, nonce: checks.expectedNonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256', ...more,
  });
  const page = await visitor.open(url.href, {}, (address) => address.startsWith(redirect_uri));
  if (page.stopped) {
    const at = new URL(page.stopped);
    return { by: at.hash ? 'fragment' : 'query', url: at, checks, parameters: Object.fromEntries(new URLSearchParams(at.hash ? at.hash.slice(1) : at.search)) };
  }
  assert.equal(page.status, 200, page.body);
  const message = /data-origin="([^"]*)" data-values="([^"]*)"/.exec(page.body);
  if (message) {
    assert.equal(message[1], new URL(redirect_uri).origin);
    return { by: 'okta_post_message', url: new URL(redirect_uri), checks, parameters: JSON.parse(unescape(message[2])) };
  }
  const [form] = forms(page.body);
  assert.equal(form.action, redirect_uri);
  return { by: 'form_post', url: new URL(redirect_uri), checks, parameters: Object.fromEntries(form.inputs.filter((i) => i.name).map((i) => [i.name, i.value])) };
}

function remembered(parameters) {
  for (const name of ['code', 'access_token', 'id_token', 'response']) remember(parameters[name]);
  return parameters;
}

async function opened(client, answer, jwt) {
  if (!jwt) return remembered(answer.parameters);
  assert.deepEqual(Object.keys(answer.parameters), ['response']);
  const { payload } = await jose.jwtVerify(answer.parameters.response, jwks, { issuer, audience: client.client_id });
  assert.ok(payload.exp * 1000 <= Date.now() + 601000);
  return remembered(payload);
}

// How openid-client reads an answer of this kind, if it does.
async function redeemed(client, type, mode, answer, parameters) {
  const request = () => (answer.by === 'form_post' ? new Request(redirect_uri, { method: 'POST', body: new URLSearchParams(answer.parameters) }) : answer.url);
  const jwt = (mode ?? '').endsWith('jwt');
  if (type === 'id_token' && !jwt && answer.by !== 'okta_post_message') {
    const config = await client.discover(oidc.useIdTokenResponseType);
    await oidc.implicitAuthentication(config, request(), answer.checks.expectedNonce, { expectedState: answer.checks.expectedState });
    return undefined;
  }
  if (!parameters.code) return undefined;
  if (type === 'code' && (answer.by === 'query' || answer.by === 'form_post')) return oidc.authorizationCodeGrant(await client.discover(...(jwt ? [oidc.useJwtResponseMode] : [])), request(), answer.checks);
  if (type === 'code id_token' && !jwt && (answer.by === 'fragment' || answer.by === 'form_post'))
    return oidc.authorizationCodeGrant(await client.discover(oidc.useCodeIdTokenResponseType), request(), answer.checks);
  return oidc.genericGrantRequest(await client.discover(), 'authorization_code', { code: parameters.code, redirect_uri, code_verifier: answer.checks.pkceCodeVerifier });
}

async function check(client, type, mode) {
  const words = type.split(' '), front = words.includes('token') || words.includes('id_token');
  const answer = await ask(await client.discover(), type, mode);
  const parameters = await opened(client, answer, (mode ?? '').endsWith('jwt'));
  assert.equal(parameters.state, answer.checks.expectedState);
  assert.equal(parameters.iss, issuer);
  if (front && mode?.startsWith('query')) {
    assert.deepEqual([answer.by, parameters.error], ['fragment', 'invalid_request']);
    assert.ok(!parameters.code && !parameters.access_token && !parameters.id_token);
    return;
  }
  assert.equal(parameters.error, undefined, parameters.error_description);
  assert.equal(answer.by, mode && mode !== 'jwt' ? mode.replace('.jwt', '') : front ? 'fragment' : 'query');
  for (const [word, name] of [['code', 'code'], ['token', 'access_token'], ['id_token', 'id_token']]) assert.equal(parameters[name] !== undefined, words.includes(word), name);
  assert.equal(parameters.refresh_token, undefined);
  if (parameters.id_token) {
    const { payload } = await jose.jwtVerify(parameters.id_token, jwks, { issuer, audience: client.client_id });
    assert.equal(payload.nonce, answer.checks.expectedNonce);
    assert.equal(payload.at_hash, parameters.access_token && half(parameters.access_token));
    assert.equal(payload.c_hash, parameters.code && half(parameters.code));
  }
  if (parameters.access_token) {
    const { payload } = await jose.jwtVerify(parameters.access_token, jwks, { issuer, audience: 'api://default' });
    assert.equal(payload.cid, client.client_id);
    assert.ok(!payload.scp.includes('offline_access'));
    const info = await fetch(`${issuer}/v1/userinfo`, { headers: { Authorization: `Bearer ${parameters.access_token}` } });
    assert.equal((await info.json()).preferred_username, house.user.login);
  }
  const tokens = await redeemed(client, type, mode, answer, parameters);
  if (!tokens) return;
  remember(tokens.access_token, tokens.refresh_token, tokens.id_token);
  assert.ok(tokens.access_token && tokens.refresh_token && tokens.id_token);
}

for (const method of ['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'none']) {
  describe(`a client that proves itself by ${method}`, () => {
    for (const type of types) test(type, async () => { for (const mode of modes) await check(clients[method], type, mode); });
  });
}

test('a client that nobody registered for the implicit grant gets no tokens from the browser', async () => {
  const { client_id } = await register('Codes only', 'client_secret_basic', { grant_types: ['authorization_code'], response_types: ['code'] });
  const config = await oidc.discovery(new URL(issuer), client_id, undefined, oidc.None(), { execute: [oidc.allowInsecureRequests] });
  for (const type of types.slice(1)) {
    const { parameters } = await ask(config, type, undefined);
    assert.equal(parameters.error, 'unauthorized_client', type);
    assert.ok(!parameters.code && !parameters.access_token && !parameters.id_token);
  }
});

test('a token from the browser dies when it is revoked', async () => {
  const client = clients.client_secret_basic;
  const config = await client.discover();
  const { parameters } = await ask(config, 'token');
  remembered(parameters);
  assert.equal((await oidc.tokenIntrospection(config, parameters.access_token)).active, true);
  await oidc.tokenRevocation(config, parameters.access_token);
  assert.equal((await oidc.tokenIntrospection(config, parameters.access_token)).active, false);
});

test('claims asked for by name; a level that cannot be reached', async () => {
  const client = clients.client_secret_basic;
  const config = await client.discover();
  assert.equal(config.serverMetadata().claims_parameter_supported, true);
  const wish = (claims) => ({ scope: 'openid', claims: JSON.stringify(claims) });
  const answer = await ask(config, 'code', undefined, wish({ userinfo: { given_name: { essential: true } }, id_token: { email: null, acr: { values: ['urn:okta:loa:1fa:pwd'] } } }));
  const tokens = await oidc.authorizationCodeGrant(config, answer.url, answer.checks);
  remember(tokens.access_token, tokens.id_token, answer.parameters.code);
  assert.equal(tokens.claims().email, house.user.login);
  assert.equal(tokens.claims().acr, 'urn:okta:loa:1fa:pwd');
  const info = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
  assert.ok(info.given_name);
  assert.equal(info.family_name, undefined);
  const refused = await ask(config, 'code', undefined, wish({ id_token: { acr: { essential: true, value: 'urn:okta:loa:2fa:any' } } }));
  assert.equal(refused.parameters.error, 'unmet_authentication_requirements');
});
