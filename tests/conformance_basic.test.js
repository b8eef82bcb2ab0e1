// The modules of the OpenID Foundation's Basic OP and Config OP plans, each as a test of its name, through the public door.
// What a person would look at there (screenshots) is asked of the page here.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as jose from 'jose';
import { remember, up } from './lib/gatehouse.js';
import { authorize, client, oidc, tokenRequest } from './lib/oidc.js';
import { Visitor } from './lib/visitor.js';

let house, config, issuer, metadata;
const server = '/oauth2/default';
before(async () => {
  house = await up();
  config = await client(house, 'web', { server });
  metadata = config.serverMetadata();
  issuer = metadata.issuer;
});
after(async () => assert.equal(await house.stop(), 0));

const web = () => house.clients.web;
async function signIn(options = {}) {
  const { callback, checks, visitor } = await authorize(config, web().redirect_uri, house.user, { scope: 'openid', ...options });
  const tokens = await oidc.authorizationCodeGrant(config, callback, { ...checks, ...options.checks });
  remember(tokens.access_token, tokens.refresh_token, tokens.id_token);
  return { tokens, claims: tokens.claims(), visitor, callback, checks };
}
// An authorization request by hand, without following it: { status, location, body }.
async function ask(changes = {}, visitor = new Visitor()) {
  const verifier = remember(oidc.randomPKCECodeVerifier());
  const fields = { client_id: web().client_id, redirect_uri: web().redirect_uri, response_type: 'code', scope: 'openid', state: 's', nonce: 'n',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...changes };
  const query = new URLSearchParams(Object.entries(fields).filter(([, value]) => value !== undefined));
  const answer = await visitor.send(`${metadata.authorization_endpoint}?${query}`);
  return { ...answer, verifier, answer: answer.location && new URL(answer.location).searchParams };
}
const signsInPage = (answer) => /\/signin\//.test(answer.location ?? '');
const userinfo = (init) => fetch(metadata.userinfo_endpoint, init);

test('oidcc-discovery-endpoint-verification', async () => {
  const answer = await fetch(`${house.org}${server}/.well-known/openid-configuration`);
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get('content-type'), /^application\/json/);
  const about = await answer.json();
  assert.equal(about.issuer, `${house.org}${server}`);
  for (const name of ['authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'jwks_uri', 'registration_endpoint', 'end_session_endpoint', 'introspection_endpoint', 'revocation_endpoint'])
    assert.ok(about[name].startsWith(`${house.org}/`), name);
  const holds = { response_types_supported: ['code', 'id_token', 'code id_token'], subject_types_supported: ['public'], scopes_supported: ['openid'], response_modes_supported: ['query', 'fragment', 'form_post'],
    code_challenge_methods_supported: ['S256'], grant_types_supported: ['authorization_code', 'implicit', 'refresh_token', 'client_credentials'], claims_supported: ['sub', 'iss', 'aud', 'auth_time', 'acr', 'nonce', 'email', 'name'],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt'] };
  for (const [name, values] of Object.entries(holds)) for (const value of values) assert.ok(about[name].includes(value), `${name} lacks ${value}`);
  assert.ok(!about.id_token_signing_alg_values_supported.includes('none'));
  assert.ok(!about.code_challenge_methods_supported.includes('plain'));
  assert.equal(about.claims_parameter_supported, true);
  for (const value of Object.values(about)) assert.ok(value !== null && !(Array.isArray(value) && value.length === 0), 'no empty members');
  const { keys } = await (await fetch(about.jwks_uri)).json();
  assert.equal(new Set(keys.map((key) => key.kid)).size, keys.length);
  for (const key of keys) {
    assert.equal(key.use, 'sig');
    assert.ok(about.id_token_signing_alg_values_supported.includes(key.alg) || ['RS256', 'ES256'].includes(key.alg));
    for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) assert.equal(key[member], undefined);
  }
});

test('oidcc-server, oidcc-idtoken-signature', async () => {
  const { tokens, claims, checks } = await signIn();
  const { protectedHeader } = await jose.jwtVerify(tokens.id_token, jose.createRemoteJWKSet(new URL(metadata.jwks_uri)), { issuer, audience: web().client_id });
  assert.ok(protectedHeader.kid);
  assert.equal(claims.nonce, checks.expectedNonce);
  assert.ok(claims.exp > claims.iat && claims.sub.length <= 255);
});

test('oidcc-response-type-missing', async () => {
  const { location, answer } = await ask({ response_type: undefined });
  assert.ok(location.startsWith(web().redirect_uri));
  assert.equal(answer.get('error'), 'invalid_request');
  assert.equal(answer.get('state'), 's');
});

test('oidcc-userinfo-get, oidcc-userinfo-post-header, oidcc-userinfo-post-body', async () => {
  const { tokens, claims } = await signIn();
  const bearer = { Authorization: `Bearer ${tokens.access_token}` };
  for (const init of [{ headers: bearer }, { method: 'POST', headers: bearer }, { method: 'POST', body: new URLSearchParams({ access_token: tokens.access_token }) }]) {
    const answer = await userinfo(init);
    assert.equal(answer.status, 200);
    assert.equal((await answer.json()).sub, claims.sub);
  }
});

test('oidcc-ensure-request-without-nonce-succeeds-for-code-flow', async () => {
  const visitor = (await signIn()).visitor;
  const { answer, verifier } = await ask({ nonce: undefined, prompt: 'none' }, visitor);
  const { body } = await tokenRequest(house, { grant_type: 'authorization_code', code: answer.get('code'), redirect_uri: web().redirect_uri, code_verifier: verifier }, { server });
  assert.equal(jose.decodeJwt(body.id_token).nonce, undefined);
});

const told = { profile: ['name', 'given_name', 'family_name', 'preferred_username', 'updated_at'], email: ['email', 'email_verified'], address: [], phone: [] };
for (const scopes of [['profile'], ['email'], ['address'], ['phone'], ['profile', 'email', 'address', 'phone']])
  test(`oidcc-scope-${scopes.length > 1 ? 'all' : scopes[0]}`, async () => {
    const { tokens } = await signIn({ scope: ['openid', ...scopes].join(' ') });
    const claims = await (await userinfo({ headers: { Authorization: `Bearer ${tokens.access_token}` } })).json();
    for (const [scope, names] of Object.entries(told))
      for (const name of names) assert.equal(name in claims, scopes.includes(scope), `${name} with ${scopes}`);
  });

test('oidcc-ensure-other-scope-order-succeeds', async () => assert.ok((await signIn({ scope: 'email openid' })).tokens.id_token));

for (const [module, more] of Object.entries({
  'oidcc-display-page': { display: 'page' }, 'oidcc-display-popup': { display: 'popup' }, 'oidcc-ui-locales': { ui_locales: 'se' }, 'oidcc-claims-locales': { claims_locales: 'se' },
  'oidcc-ensure-request-with-unknown-parameter-succeeds': { extra: 'foobar' }, 'oidcc-ensure-request-with-acr-values-succeeds': { acr_values: '1 2' },
})) test(module, async () => assert.ok((await signIn({ more })).tokens.id_token));

test('oidcc-login-hint: the form knows the name already', async () => {
  const visitor = new Visitor();
  const { location } = await ask({ login_hint: 'ada@example.com' }, visitor);
  assert.match((await visitor.open(location)).body, /value="ada@example.com"/);
});

test('oidcc-prompt-login: asks again, and auth_time grows or stays', async () => {
  const first = await signIn();
  const again = await ask({ prompt: 'login' }, first.visitor);
  assert.ok(signsInPage(again), again.location);
  const second = await signIn({ visitor: first.visitor, more: { prompt: 'login' } });
  assert.ok(second.claims.auth_time >= first.claims.auth_time);
  assert.equal(second.claims.sub, first.claims.sub);
});

test('oidcc-prompt-none-not-logged-in', async () => assert.equal((await ask({ prompt: 'none' })).answer.get('error'), 'login_required'));

test('oidcc-prompt-none-logged-in, oidcc-id-token-hint, oidcc-max-age-10000: the same person without a question', async () => {
  const { visitor, tokens, claims } = await signIn();
  for (const more of [{ prompt: 'none' }, { prompt: 'none', id_token_hint: tokens.id_token }, { prompt: 'none', max_age: '10000' }]) {
    const { answer, verifier } = await ask(more, visitor);
    assert.ok(answer.get('code'), `${JSON.stringify(Object.keys(more))}: ${answer}`);
    const { body } = await tokenRequest(house, { grant_type: 'authorization_code', code: answer.get('code'), redirect_uri: web().redirect_uri, code_verifier: verifier }, { server });
    const again = jose.decodeJwt(body.id_token);
    assert.equal(again.sub, claims.sub);
    assert.equal(again.auth_time, claims.auth_time);
  }
});

test('oidcc-max-age-1: an older sign-in does not do', async () => {
  const { visitor } = await signIn();
  await new Promise((later) => { setTimeout(later, 2100); });   // the module waits as well
  assert.ok(signsInPage(await ask({ max_age: '1' }, visitor)));
  assert.equal((await ask({ max_age: '1', prompt: 'none' }, visitor)).answer.get('error'), 'login_required');
});

test('oidcc-codereuse, oidcc-codereuse-30seconds: a code is good once, and what it gave is gone', async () => {
  const { callback, checks, tokens } = await signIn();
  const again = { grant_type: 'authorization_code', code: callback.searchParams.get('code'), redirect_uri: web().redirect_uri, code_verifier: checks.pkceCodeVerifier };
  const { status, body } = await tokenRequest(house, again, { server });
  assert.equal(status, 400);
  assert.equal(body.error, 'invalid_grant');
  assert.equal((await userinfo({ headers: { Authorization: `Bearer ${tokens.access_token}` } })).status, 401);
});

test('oidcc-ensure-registered-redirect-uri, oidcc-redirect-uri-query-mismatch: a page, never a redirect', async () => {
  const registered = web().redirect_uri;
  for (const redirect_uri of [`${registered}/`, `${registered}?extra=1`, 'https://evil.example/callback', registered.replace('http:', 'https:'), `${registered}#f`, undefined]) {
    const answer = await ask({ redirect_uri });
    assert.equal(answer.status, 400, redirect_uri);
    assert.equal(answer.location, undefined);
    assert.match(answer.headers['content-type'], /^text\/html/);
  }
});

test('oidcc-ensure-post-request-succeeds', async () => {
  const visitor = new Visitor();
  const body = new URLSearchParams({ client_id: web().client_id, redirect_uri: web().redirect_uri, response_type: 'code', scope: 'openid', state: 's', code_challenge: await oidc.calculatePKCECodeChallenge(oidc.randomPKCECodeVerifier()), code_challenge_method: 'S256' });
  const home = (address) => address.startsWith(web().redirect_uri);
  let page = await visitor.open(metadata.authorization_endpoint, { method: 'POST', body: body.toString(), headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }, home);
  page = await visitor.signIn(page, house.user, home);
  assert.ok(new URL(page.stopped).searchParams.get('code'));
});

test('oidcc-server-client-secret-post', async () => {
  const { visitor } = await signIn();
  const { answer, verifier } = await ask({ prompt: 'none' }, visitor);
  const { status } = await tokenRequest(house, { grant_type: 'authorization_code', code: answer.get('code'), redirect_uri: web().redirect_uri, code_verifier: verifier, client_id: web().client_id, client_secret: web().client_secret }, { server, as: '' });
  assert.equal(status, 200);
});

test('oidcc-claims-essential: a claim that is asked for is told at userinfo', async () => {
  const { tokens } = await signIn({ scope: 'openid profile', more: { claims: JSON.stringify({ userinfo: { name: { essential: true } } }) } });
  assert.ok((await (await userinfo({ headers: { Authorization: `Bearer ${tokens.access_token}` } })).json()).name);
});

test('oidcc-refresh-token: the same person, client and sign-in; another client may not', async () => {
  const { tokens, claims } = await signIn({ scope: 'openid offline_access' });
  const renewed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
  remember(renewed.access_token, renewed.refresh_token, renewed.id_token);
  const again = renewed.claims();
  for (const name of ['iss', 'sub', 'aud', 'auth_time']) assert.deepEqual(again[name], claims[name], name);
  const stolen = await tokenRequest(house, { grant_type: 'refresh_token', refresh_token: renewed.refresh_token }, { server, as: 'spa' });
  assert.equal(stolen.body.error, 'invalid_grant');
});

test('oidcc-ensure-request-with-valid-pkce-succeeds; a wrong, plain or missing verifier does not', async () => {
  const { visitor } = await signIn();
  for (const change of [(v) => `${v}x`, () => undefined]) {
    const { answer, verifier } = await ask({ prompt: 'none' }, visitor);
    const wrong = change(verifier);
    const { body } = await tokenRequest(house, { grant_type: 'authorization_code', code: answer.get('code'), redirect_uri: web().redirect_uri, ...(wrong && { code_verifier: wrong }) }, { server });
    assert.equal(body.error, 'invalid_grant');
  }
  assert.equal((await ask({ code_challenge_method: 'plain' }, visitor)).answer.get('error'), 'invalid_request');
});

test('oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported', async () => {
  const request = new jose.UnsecuredJWT({ client_id: web().client_id }).encode();
  assert.equal((await ask({ request })).answer.get('error'), 'request_not_supported');
  assert.equal((await ask({ request_uri: 'https://rp.example/request.jwt' })).answer.get('error'), 'request_uri_not_supported');
});
