// openid-client against our org, and a Visitor who signs in on its pages.
import assert from 'node:assert/strict';
import { remember } from './remember.js';
import * as oidc from 'openid-client';
import { Visitor } from './visitor.js';

export { oidc };

export async function client(house, name, { server = '' } = {}) {
  const { client_id, client_secret } = house.clients[name];
  const auth = client_secret ? oidc.ClientSecretBasic(client_secret) : oidc.None();
  return oidc.discovery(new URL(`${house.org}${server}`), client_id, undefined, auth, { execute: [oidc.allowInsecureRequests] });
}

// One authorization code flow, up to and including the callback address.
export async function authorize(config, redirect_uri, person, { visitor = new Visitor(), scope = 'openid profile email offline_access', more = {} } = {}) {
  const pkceCodeVerifier = remember(oidc.randomPKCECodeVerifier());
  const expectedState = remember(oidc.randomState()), expectedNonce = remember(oidc.randomNonce());
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri, scope, state: expectedState, nonce: expectedNonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256', ...more,
  });
  const home = (address) => address.startsWith(redirect_uri);
  let page = await visitor.open(url.href, {}, home);
  if (!page.stopped) page = await visitor.signIn(page, person, home);
  assert.ok(page.stopped, `not back at the client: ${page.status} ${page.url}\n${page.body?.slice(0, 600)}`);
  return { callback: new URL(page.stopped), checks: { pkceCodeVerifier, expectedState, expectedNonce }, visitor };
}

export async function signIn(house, name = 'web', options = {}) {
  const config = options.config ?? (await client(house, name, options));
  const redirect_uri = house.clients[name].redirect_uri;
  const { callback, checks, visitor } = await authorize(config, redirect_uri, options.person ?? house.user, options);
  const tokens = await oidc.authorizationCodeGrant(config, callback, checks);
  remember(tokens.access_token, tokens.refresh_token, tokens.id_token);
  return { config, tokens, visitor, callback, checks };
}

export function basic({ client_id, client_secret }) {
  return 'Basic ' + Buffer.from(`${encodeURIComponent(client_id)}:${encodeURIComponent(client_secret)}`).toString('base64');
}

// A token request by hand: { status, body, headers }.
export async function tokenRequest(house, fields, { server = '', as = 'web', path = 'token', headers = {} } = {}) {
  const who = as && house.clients[as];
  const authorization = who?.client_secret ? { Authorization: basic(who) } : {};
  if (who && !who.client_secret) fields = { client_id: who.client_id, ...fields };
  const base = server || '/oauth2';
  const answer = await fetch(`${house.org}${base}/v1/${path}`, { method: 'POST', headers: { ...authorization, ...headers }, body: new URLSearchParams(fields) });
  const text = await answer.text();
  const body = text ? JSON.parse(text) : undefined;
  remember(body?.access_token, body?.refresh_token, body?.id_token);
  return { status: answer.status, headers: answer.headers, body };
}
