// A single-page app with Okta's own @okta/okta-auth-js in Chromium: signs in with PKCE, renews in a hidden frame
// (okta_post_message) and by refresh token, revokes, signs out. @okta/jwt-verifier proves what it got.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { remember, up } from './lib/gatehouse.js';

const require = createRequire(import.meta.url);
const OktaJwtVerifier = require('@okta/jwt-verifier');
const bundle = fs.readFileSync(new URL('./node_modules/@okta/okta-auth-js/dist/okta-auth-js.min.js', import.meta.url));
const page = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>SPA</title><script src="/auth.js"></script><h1>SPA</h1>';
let house, browser, issuer, client_id;
const sites = [];

// An origin of its own; same-site with the org, as every port of localhost is: cookies come along into frames.
const site = () => new Promise((done) => {
  const server = http.createServer((req, res) => {
    if (req.url === '/auth.js') return res.setHeader('Content-Type', 'text/javascript').end(bundle);
    res.setHeader('Content-Type', 'text/html').end(page);
  });
  sites.push(server);
  server.listen(0, '127.0.0.1', () => done(`http://localhost:${server.address().port}`));
});

async function api(method, path, body) {
  const answer = await fetch(house.org + path, { method, headers: { Authorization: `SSWS ${house.api_token}`, 'Content-Type': 'application/json' }, body: body && JSON.stringify(body) });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

let app, stranger;
before(async () => {
  house = await up();
  issuer = `${house.org}/oauth2/default`;
  app = await site();
  stranger = await site();
  const registered = await api('POST', '/api/v1/apps', {
    label: 'SPA', signOnMode: 'OPENID_CONNECT', credentials: { oauthClient: { token_endpoint_auth_method: 'none' } },
    settings: { oauthClient: { application_type: 'browser', redirect_uris: [`${app}/callback`], post_logout_redirect_uris: [`${app}/bye`],
      grant_types: ['authorization_code', 'implicit', 'refresh_token'], response_types: ['code', 'token', 'id_token'] } },
  });
  const everyone = (await api('GET', '/api/v1/groups')).find((group) => group.profile.name === 'Everyone').id;
  await api('PUT', `/api/v1/apps/${registered.id}/groups/${everyone}`, {});
  client_id = registered.credentials.oauthClient.client_id;
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
});
after(async () => {
  await browser?.close();
  for (const server of sites) server.close();
  assert.equal(await house.stop(), 0);
});

async function visit(work) {
  const context = await browser.newContext();
  const tab = await context.newPage();
  tab.setDefaultTimeout(15000);
  const complaints = [];
  tab.on('console', (m) => { if (m.type() === 'error') complaints.push(m.text()); });
  try { await work(tab, complaints, context); } finally {
    for (const cookie of await context.cookies()) remember(cookie.value);
    await context.close();
  }
}

const begin = (tab, scopes, more = {}) => tab.evaluate((options) => { window.auth = new window.OktaAuth(options); },
  { issuer, clientId: client_id, redirectUri: `${app}/callback`, postLogoutRedirectUri: `${app}/bye`, scopes, pkce: true, tokenManager: { autoRenew: false }, ...more });

function keep(tokens) {
  remember(tokens.accessToken?.accessToken, tokens.idToken?.idToken, tokens.refreshToken?.refreshToken);
  return tokens;
}

async function signIn(tab, scopes) {
  await tab.goto(app);
  await begin(tab, scopes);
  await tab.evaluate(() => { window.auth.signInWithRedirect(); });
  await tab.waitForURL(`${house.org}/**`);
  await tab.locator('input:not([type=hidden]):not([type=password]):not([type=checkbox])').first().fill(house.user.login);
  await tab.locator('input[type=password]').fill(house.user.password);
  await tab.locator('button[type=submit]').first().click();
  await tab.waitForURL(`${app}/callback**`);
  await begin(tab, scopes);
  return keep(await tab.evaluate(async () => {
    const { tokens } = await window.auth.token.parseFromUrl();
    window.auth.tokenManager.setTokens(tokens);
    return tokens;
  }));
}

async function verify(tokens) {
  const verifier = new OktaJwtVerifier({ issuer, clientId: client_id, testing: { disableHttpsCheck: true } });
  const access = await verifier.verifyAccessToken(tokens.accessToken.accessToken, 'api://default');
  assert.equal(access.claims.cid, client_id);
  const id = await verifier.verifyIdToken(tokens.idToken.idToken, client_id, tokens.idToken.claims.nonce);
  assert.equal(id.claims.preferred_username, house.user.login);
}

test('PKCE, and renewal in a hidden frame', async () => {
  await visit(async (tab, complaints) => {
    const first = await signIn(tab, ['openid', 'profile', 'email']);
    assert.equal(first.refreshToken, undefined);
    await verify(first);
    const frames = [];
    tab.on('request', (r) => { if (r.url().includes('/v1/authorize')) frames.push(new URL(r.url()).searchParams); });
    const second = keep(await tab.evaluate(() => window.auth.token.renewTokens()));
    assert.deepEqual(frames.map((f) => [f.get('response_mode'), f.get('prompt'), f.get('response_type')]), [['okta_post_message', 'none', 'code']]);
    assert.notEqual(second.accessToken.accessToken, first.accessToken.accessToken);
    await verify(second);
    const who = await tab.evaluate(() => window.auth.token.getUserInfo());
    assert.equal(who.preferred_username, house.user.login);
    assert.deepEqual(complaints, []);
  });
});

test('implicit tokens in a hidden frame', async () => {
  await visit(async (tab, complaints) => {
    await signIn(tab, ['openid', 'profile', 'email']);
    await begin(tab, ['openid', 'profile', 'email'], { pkce: false });
    const { tokens } = await tab.evaluate(() => window.auth.token.getWithoutPrompt({ responseType: ['token', 'id_token'] }));
    await verify(keep(tokens));
    assert.deepEqual(complaints, []);
  });
});

test('renewal by refresh token; revocation; sign-out', async () => {
  await visit(async (tab, complaints) => {
    const first = await signIn(tab, ['openid', 'profile', 'email', 'offline_access']);
    await verify(first);
    const second = keep(await tab.evaluate(async () => {
      const tokens = await window.auth.token.renewTokens();
      window.auth.tokenManager.setTokens(tokens);
      return tokens;
    }));
    await verify(second);
    assert.notEqual(second.refreshToken.refreshToken, first.refreshToken.refreshToken);
    const asked = (token) => fetch(`${issuer}/v1/userinfo`, { headers: { Authorization: `Bearer ${token}` } }).then((a) => a.status);
    assert.equal(await asked(second.accessToken.accessToken), 200);
    await tab.evaluate(() => window.auth.revokeAccessToken());
    assert.equal(await asked(second.accessToken.accessToken), 401);
    await tab.evaluate(() => { window.auth.signOut(); });
    await tab.waitForURL(`${app}/bye**`);
    await begin(tab, ['openid', 'profile']);
    const refused = await tab.evaluate(() => window.auth.token.getWithoutPrompt().then(() => 'signed in', (e) => e.errorCode));
    assert.equal(refused, 'login_required');
    assert.deepEqual(complaints, []);
  });
});

test('another origin learns nothing: not in its frame, not in its window', async () => {
  await visit(async (tab, complaints, context) => {
    await signIn(tab, ['openid', 'profile']);
    const address = `${issuer}/v1/authorize?` + new URLSearchParams({ client_id, redirect_uri: `${app}/callback`, response_type: 'id_token token', response_mode: 'okta_post_message',
      scope: 'openid profile', state: 's', nonce: 'n', prompt: 'none' });
    const listen = (where) => where.evaluate((url) => new Promise((done) => {
      const heard = [];
      addEventListener('message', (event) => heard.push(Object.keys(event.data)));
      const frame = document.createElement('iframe');
      frame.src = url;
      document.body.append(frame);
      window.open(url);
      setTimeout(() => done(heard), 2500);
    }), address);
    const evil = await context.newPage();
    const said = [];
    evil.on('console', (m) => said.push(m.text()));
    await evil.goto(stranger);
    assert.deepEqual(await listen(evil), []);
    assert.ok(said.some((line) => line.includes('frame-ancestors')), said.join('\n'));
    // The same, from the client's own origin: both come. The test can see what it looks for.
    const heard = await listen(tab);
    assert.equal(heard.length, 2);
    for (const names of heard) assert.ok(names.includes('access_token') && names.includes('id_token'), names.join());
  });
});
