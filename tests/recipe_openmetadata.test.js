// The recipe as it stands on its page: every command is run, then people and the bot do what OpenMetadata makes them do.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import OktaJwtVerifier from '@okta/jwt-verifier';
import * as jose from 'jose';
import { binary, folder, remember, up } from './lib/gatehouse.js';
import { authorize, oidc, tokenRequest } from './lib/oidc.js';
import { root } from './lib/remember.js';

const page = fs.readFileSync(path.join(root, 'docs/recipes/openmetadata.md'), 'utf8');
const commands = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text]) => text);
const dir = folder('openmetadata');
const read = (name) => JSON.parse(fs.readFileSync(path.join(dir, name), 'utf8'));
let house, settings;

before(async () => {
  house = await up();
  const bin = path.join(dir, 'bin');
  fs.mkdirSync(bin);
  fs.symlinkSync(binary, path.join(bin, 'gatehouse'));
  const env = { ...process.env, ORG: house.org, TOKEN: house.api_token, PATH: `${bin}:${process.env.PATH}` };
  await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', commands.join('\n')], { cwd: dir, env });
  settings = Object.fromEntries(fs.readFileSync(path.join(dir, 'openmetadata.env'), 'utf8').trim().split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  remember(read('bot-key/private.jwk.json').d);
});
after(async () => assert.equal(await house.stop(), 0));

const spa = () => oidc.discovery(new URL(settings.AUTHENTICATION_AUTHORITY), settings.AUTHENTICATION_CLIENT_ID, undefined, oidc.None(), { execute: [oidc.allowInsecureRequests] });
const verifier = () => new OktaJwtVerifier({ issuer: settings.AUTHENTICATION_AUTHORITY, clientId: settings.AUTHENTICATION_CLIENT_ID, testing: { disableHttpsCheck: true } });

test('the page has a step for each thing that is set up', () => assert.equal(commands.length, 5));

test('a person signs in by code, the tokens are for this client, and refresh tokens rotate', async () => {
  const config = await spa();
  const { callback, checks } = await authorize(config, settings.AUTHENTICATION_CALLBACK_URL, house.user, { scope: 'openid profile email offline_access' });
  const tokens = await oidc.authorizationCodeGrant(config, callback, checks);
  remember(tokens.access_token, tokens.refresh_token, tokens.id_token);
  const proven = await verifier().verifyAccessToken(tokens.access_token, settings.AUTHENTICATION_CLIENT_ID);
  assert.equal(proven.claims.iss, settings.AUTHENTICATION_AUTHORITY);
  await verifier().verifyIdToken(tokens.id_token, settings.AUTHENTICATION_CLIENT_ID, checks.expectedNonce);
  const renewed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
  remember(renewed.access_token, renewed.refresh_token, renewed.id_token);
  assert.notEqual(renewed.refresh_token, tokens.refresh_token);
});

test('who asks for no scope gets the default one', async () => {
  const ask = { grant_type: 'client_credentials', client_id: settings.OM_AUTH_OKTA_CLIENT_ID, ...(await proof()) };
  const { status, body } = await tokenRequest(house, ask, { as: '', server: new URL(settings.AUTHENTICATION_AUTHORITY).pathname });
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body.scope, 'openmetadata');
});

test('silent renewal: prompt=none brings new tokens to the silent callback, and says so when nobody is there', async () => {
  const config = await spa();
  const first = await authorize(config, settings.AUTHENTICATION_CALLBACK_URL, house.user, { scope: 'openid email' });
  const silent = 'http://localhost:8585/silent-callback';
  const ask = (nonce) => new URLSearchParams({ client_id: settings.AUTHENTICATION_CLIENT_ID, redirect_uri: silent, response_type: 'id_token token', scope: 'openid email', state: 'silent', nonce, prompt: 'none' });
  const at = (nonce) => `${settings.AUTHENTICATION_AUTHORITY}/v1/authorize?${ask(nonce)}`;
  const there = await first.visitor.send(at('n-silent-1'));
  assert.ok(there.location.startsWith(`${silent}#`), there.location);
  const answer = new URLSearchParams(new URL(there.location).hash.slice(1));
  remember(answer.get('access_token'), answer.get('id_token'));
  assert.equal(answer.get('state'), 'silent');
  await verifier().verifyIdToken(answer.get('id_token'), settings.AUTHENTICATION_CLIENT_ID, 'n-silent-1');
  await verifier().verifyAccessToken(answer.get('access_token'), settings.AUTHENTICATION_CLIENT_ID);
  first.visitor.cookies.clear();
  const nobody = await first.visitor.send(at('n-silent-2'));
  assert.equal(new URLSearchParams(new URL(nobody.location).hash.slice(1)).get('error'), 'login_required');
});

test('an address that is not registered is a page, not a redirect', async () => {
  const ask = new URLSearchParams({ client_id: settings.AUTHENTICATION_CLIENT_ID, redirect_uri: 'http://localhost:8585/callback/', response_type: 'code', scope: 'openid', state: 's' });
  const answer = await fetch(`${settings.AUTHENTICATION_AUTHORITY}/v1/authorize?${ask}`, { redirect: 'manual' });
  assert.equal(answer.status, 400);
  assert.equal(answer.headers.get('location'), null);
});

async function proof(endpoint = settings.OM_AUTH_OKTA_ORGANIZATION_URL) {
  const key = await jose.importJWK(read('bot-key/private.jwk.json'), 'RS256');
  const client = settings.OM_AUTH_OKTA_CLIENT_ID;
  const assertion = await new jose.SignJWT({}).setProtectedHeader({ alg: 'RS256', kid: read('bot-key/private.jwk.json').kid }).setIssuer(client).setSubject(client)
    .setAudience(endpoint).setIssuedAt().setExpirationTime('5m').setJti(crypto.randomUUID()).sign(key);
  return { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: remember(assertion) };
}

test("the bot's way: all parameters in the address and no body; the same assertion is good once", async () => {
  const form = new URLSearchParams({ grant_type: 'client_credentials', scope: settings.OM_AUTH_OKTA_SCOPES, ...(await proof()) });
  const send = () => fetch(`${settings.OM_AUTH_OKTA_ORGANIZATION_URL}?${form}`, { method: 'POST', headers: { Accept: 'application/json', 'Content-Type': 'application/x-www-form-urlencoded' } });
  const answer = await send();
  const body = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(body));
  remember(body.access_token);
  const { claims } = await verifier().verifyAccessToken(body.access_token, settings.AUTHENTICATION_CLIENT_ID);
  assert.equal(claims.sub, settings.OM_AUTH_OKTA_CLIENT_ID);
  assert.equal((await send()).status, 401);
});

test('the bot reads users with the scopes that it was granted, and no others', async () => {
  const ask = { grant_type: 'client_credentials', scope: 'okta.users.read', ...(await proof(`${house.org}/oauth2/v1/token`)) };
  const { status, body } = await tokenRequest(house, ask, { as: '' });
  assert.equal(status, 200, JSON.stringify(body));
  const users = await fetch(`${house.org}/api/v1/users`, { headers: { Authorization: `Bearer ${body.access_token}` } });
  assert.equal(users.status, 200);
  const more = await tokenRequest(house, { grant_type: 'client_credentials', scope: 'okta.apps.manage', ...(await proof(`${house.org}/oauth2/v1/token`)) }, { as: '' });
  assert.equal(more.body.error, 'invalid_scope');
});

test('a private key set sent by mistake is refused and not stored', async () => {
  const answer = await fetch(`${house.org}/oauth2/v1/clients`, {
    method: 'POST', headers: { Authorization: `SSWS ${house.api_token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ ...read('bot.json'), client_name: 'careless', jwks: read('bot-key/private.jwks.json') }),
  });
  assert.equal(answer.status, 400);
  const text = await answer.text();
  assert.ok(!text.includes(read('bot-key/private.jwk.json').d), 'nor repeated');
  const list = await (await fetch(`${house.org}/oauth2/v1/clients?q=careless`, { headers: { Authorization: `SSWS ${house.api_token}` } })).json();
  assert.equal(list.filter((client) => client.client_name === 'careless').length, 0);
});
