// The authorization servers as clients meet them: openid-client drives the flows, jose proves the tokens.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { remember, up } from './lib/gatehouse.js';
import { authorize, client, oidc, signIn, tokenRequest } from './lib/oidc.js';
import { forms, Visitor } from './lib/visitor.js';
import * as jose from 'jose';

const servers = { 'org server': '', 'default server': '/oauth2/default' };
let house;
before(async () => { house = await up(); });
after(async () => assert.equal(await house.stop(), 0));

for (const [name, server] of Object.entries(servers)) {
  describe(name, () => {
    test('code with PKCE for a web app; the ID token is true; userinfo says who', async () => {
      const { config, tokens } = await signIn(house, 'web', { server });
      const claims = tokens.claims();
      assert.equal(claims.iss, `${house.org}${server}`);
      assert.equal(claims.aud, house.clients.web.client_id);
      assert.ok(claims.auth_time === undefined || Math.abs(claims.auth_time - Date.now() / 1000) < 60);
      const info = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
      assert.equal(info.preferred_username, house.user.login);
      assert.equal(info.email, house.user.login);
    });

    test('code with PKCE for a single-page app, without a secret', async () => {
      const { tokens } = await signIn(house, 'spa', { server, scope: 'openid profile' });
      assert.ok(tokens.id_token && tokens.access_token);
      assert.equal(tokens.refresh_token, undefined, 'offline_access was not asked for');
    });

    test('tokens are signed with a published key, and the metadata names what is true', async () => {
      const metadata = await (await fetch(`${house.org}${server}/.well-known/openid-configuration`)).json();
      assert.equal(metadata.issuer, `${house.org}${server}`);
      assert.deepEqual(metadata.code_challenge_methods_supported, ['S256']);
      const { tokens } = await signIn(house, 'web', { server });
      const keys = jose.createRemoteJWKSet(new URL(metadata.jwks_uri));
      const { payload, protectedHeader } = await jose.jwtVerify(tokens.id_token, keys, { issuer: metadata.issuer, audience: house.clients.web.client_id });
      assert.ok(['RS256', 'ES256'].includes(protectedHeader.alg) && protectedHeader.kid);
      assert.equal(payload.nonce !== undefined, true);
      if (server) {
        const access = await jose.jwtVerify(tokens.access_token, keys, { issuer: metadata.issuer, audience: 'api://default' });
        assert.equal(access.payload.cid, house.clients.web.client_id);
        assert.ok(Array.isArray(access.payload.scp));
        assert.ok(access.payload.jti);
      }
      const jwks = await (await fetch(metadata.jwks_uri)).json();
      for (const key of jwks.keys) assert.equal(key.d, undefined);
    });

    test('refresh rotates; the token before is dead, and using it ends the family', async () => {
      const { config, tokens } = await signIn(house, 'web', { server });
      const second = await oidc.refreshTokenGrant(config, tokens.refresh_token);
      remember(second.access_token, second.refresh_token, second.id_token);
      assert.notEqual(second.refresh_token, tokens.refresh_token);
      const replay = await tokenRequest(house, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }, { server });
      assert.equal(replay.status, 400);
      assert.equal(replay.body.error, 'invalid_grant');
      const family = await tokenRequest(house, { grant_type: 'refresh_token', refresh_token: second.refresh_token }, { server });
      assert.equal(family.status, 400);
    });

    test('of 64 parallel attempts with one code exactly one wins', async () => {
      const config = await client(house, 'web', { server });
      const { callback, checks } = await authorize(config, house.clients.web.redirect_uri, house.user);
      const ask = { grant_type: 'authorization_code', code: callback.searchParams.get('code'), redirect_uri: house.clients.web.redirect_uri, code_verifier: checks.pkceCodeVerifier };
      const answers = await Promise.all(Array.from({ length: 64 }, () => tokenRequest(house, ask, { server })));
      assert.equal(answers.filter((a) => a.status === 200).length, 1);
      assert.ok(answers.filter((a) => a.status !== 200).every((a) => a.status === 400 && a.body.error === 'invalid_grant'));
    });

    test('of 64 parallel attempts with one refresh token at most one wins', async () => {
      const { tokens } = await signIn(house, 'web', { server });
      const answers = await Promise.all(Array.from({ length: 64 }, () => tokenRequest(house, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }, { server })));
      assert.equal(answers.filter((a) => a.status === 200).length, 1);
    });

    test('a code used twice takes what it gave with it', async () => {
      const { tokens, callback, checks } = await signIn(house, 'web', { server });
      const again = await tokenRequest(house, {
        grant_type: 'authorization_code', code: callback.searchParams.get('code'), redirect_uri: house.clients.web.redirect_uri, code_verifier: checks.pkceCodeVerifier,
      }, { server });
      assert.equal(again.status, 400);
      const refresh = await tokenRequest(house, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }, { server });
      assert.equal(refresh.status, 400);
      const inspected = await tokenRequest(house, { token: tokens.access_token }, { server, path: 'introspect' });
      assert.equal(inspected.body.active, false);
    });

    test('introspection and revocation', async () => {
      const { config, tokens } = await signIn(house, 'web', { server });
      const live = await oidc.tokenIntrospection(config, tokens.access_token);
      assert.equal(live.active, true);
      assert.equal(live.client_id, house.clients.web.client_id);
      await oidc.tokenRevocation(config, tokens.refresh_token);
      assert.equal((await oidc.tokenIntrospection(config, tokens.refresh_token)).active, false);
      const refresh = await tokenRequest(house, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }, { server });
      assert.equal(refresh.body.error, 'invalid_grant');
      await oidc.tokenRevocation(config, tokens.access_token);
      assert.equal((await oidc.tokenIntrospection(config, tokens.access_token)).active, false);
      assert.equal((await tokenRequest(house, { token: 'nonsense' }, { server, path: 'revoke' })).status, 200, 'RFC 7009 §2.2');
      assert.equal((await tokenRequest(house, { token: 'nonsense' }, { server, path: 'introspect', as: null })).status, 401);
    });

    test('what belongs to a code must fit: verifier, redirect address, client', async () => {
      const config = await client(house, 'web', { server });
      const wrong = {
        verifier: { code_verifier: remember(oidc.randomPKCECodeVerifier()) },
        address: { redirect_uri: 'http://localhost:3000/other' },
        'no verifier': { code_verifier: '' },
      };
      for (const [what, change] of Object.entries(wrong)) {
        const { callback, checks } = await authorize(config, house.clients.web.redirect_uri, house.user);
        const ask = { grant_type: 'authorization_code', code: callback.searchParams.get('code'), redirect_uri: house.clients.web.redirect_uri, code_verifier: checks.pkceCodeVerifier, ...change };
        const answer = await tokenRequest(house, ask, { server });
        assert.equal(answer.status, 400, what);
        assert.match(answer.body.error, /invalid_grant|invalid_request/, what);
      }
      const { callback, checks } = await authorize(config, house.clients.web.redirect_uri, house.user);
      const stolen = await tokenRequest(house, { grant_type: 'authorization_code', code: callback.searchParams.get('code'), redirect_uri: house.clients.web.redirect_uri, code_verifier: checks.pkceCodeVerifier }, { server, as: 'spa' });
      assert.equal(stolen.status, 400);
    });
  });
}

test('client credentials at the default server', async () => {
  const config = await client(house, 'service', { server: '/oauth2/default' });
  const tokens = await oidc.clientCredentialsGrant(config, { scope: 'orders:read' });
  remember(tokens.access_token);
  assert.equal(tokens.token_type, 'bearer');
  assert.equal(tokens.scope, 'orders:read');
  assert.equal(tokens.refresh_token, undefined);
  const keys = jose.createRemoteJWKSet(new URL(`${house.org}/oauth2/default/v1/keys`));
  const { payload } = await jose.jwtVerify(tokens.access_token, keys, { issuer: `${house.org}/oauth2/default`, audience: 'api://default' });
  assert.equal(payload.sub, house.clients.service.client_id);
  const unknown = await tokenRequest(house, { grant_type: 'client_credentials', scope: 'orders:everything' }, { server: '/oauth2/default', as: 'service' });
  assert.equal(unknown.status, 400);
  assert.equal(unknown.body.error, 'invalid_scope');
});

test('openid-client pushes its request and carries the reference; it is good once', async () => {
  const config = await client(house, 'web', { server: '/oauth2/default' });
  const verifier = remember(oidc.randomPKCECodeVerifier()), redirect_uri = house.clients.web.redirect_uri;
  const url = await oidc.buildAuthorizationUrlWithPAR(config, { redirect_uri, scope: 'openid', state: 'pushed', code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' });
  assert.deepEqual([...url.searchParams.keys()].sort(), ['client_id', 'request_uri']);
  const visitor = new Visitor(), home = (address) => address.startsWith(redirect_uri);
  const page = await visitor.signIn(await visitor.open(url.href, {}, home), house.user, home);
  const tokens = await oidc.authorizationCodeGrant(config, new URL(page.stopped), { pkceCodeVerifier: verifier, expectedState: 'pushed' });
  remember(tokens.access_token, tokens.id_token);
  assert.ok(tokens.id_token);
  for (const address of [url.href, `${url.href}&prompt=none`]) assert.equal((await visitor.send(address)).status, 400);
});

test('wrong client secrets are 401 with a challenge, and unknown grants are named', async () => {
  const answer = await fetch(`${house.org}/oauth2/default/v1/token`, {
    method: 'POST', headers: { Authorization: 'Basic ' + Buffer.from('demo-service:wrong-secret-wrong').toString('base64') },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'orders:read' }),
  });
  assert.equal(answer.status, 401);
  assert.match(answer.headers.get('www-authenticate'), /^Basic/i);
  assert.equal((await answer.json()).error, 'invalid_client');
  assert.equal((await tokenRequest(house, { grant_type: 'urn:example:magic' })).body.error, 'unsupported_grant_type');
  // Known, but this client is not registered for it.
  assert.equal((await tokenRequest(house, { grant_type: 'password', username: 'a', password: 'b' })).body.error, 'unauthorized_client');
  assert.equal((await tokenRequest(house, {})).body.error, 'invalid_request');
});

test('a token of one server is nothing at another, nor at the management API', async () => {
  const { tokens } = await signIn(house, 'web', { server: '/oauth2/default' });
  const inspected = await tokenRequest(house, { token: tokens.access_token }, { path: 'introspect' });
  assert.equal(inspected.body.active, false);
  const api = await fetch(`${house.org}/api/v1/users`, { headers: { Authorization: `Bearer ${tokens.access_token}` } });
  assert.ok([401, 403].includes(api.status), String(api.status));
  const refresh = await tokenRequest(house, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token });
  assert.equal(refresh.body.error, 'invalid_grant');
});

test('sign-out ends the session and goes back to the client', async () => {
  const { config, tokens, visitor } = await signIn(house, 'web');
  const silent = await authorize(config, house.clients.web.redirect_uri, house.user, { visitor, more: { prompt: 'none' } });
  assert.ok(silent.callback.searchParams.get('code'), 'signed in: no page is needed');
  const to = house.clients.web.post_logout_redirect_uri;
  const url = oidc.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: to, state: 'bye-bye-bye' });
  const page = await visitor.open(url.href, {}, (a) => a.startsWith(to));
  assert.ok(page.stopped, `${page.status} ${page.url}`);
  assert.equal(new URL(page.stopped).searchParams.get('state'), 'bye-bye-bye');
  const gone = await authorize(config, house.clients.web.redirect_uri, house.user, { visitor, more: { prompt: 'none' } });
  assert.equal(gone.callback.searchParams.get('error'), 'login_required');
});

test('sign-out without a hint asks first and never goes to a stranger', async () => {
  const { visitor } = await signIn(house, 'web');
  const page = await visitor.open(`${house.org}/oauth2/v1/logout?post_logout_redirect_uri=https%3A%2F%2Fevil.example%2F`, {}, (a) => a.startsWith('https://evil'));
  assert.equal(page.stopped, undefined);
  assert.ok(page.status === 200 || page.status === 400);
});

test('an unregistered redirect address is never used', async () => {
  for (const redirect_uri of ['https://evil.example/cb', 'http://localhost:3000/callback/../evil', 'http://localhost:3000/callback?x=1', 'http://localhost:3000@evil.example/callback', 'javascript:alert(1)']) {
    const page = await new Visitor().send(`${house.org}/oauth2/v1/authorize?${new URLSearchParams({ client_id: house.clients.web.client_id, response_type: 'code', scope: 'openid', redirect_uri, state: 'abcdefgh', code_challenge: 'A'.repeat(43), code_challenge_method: 'S256' })}`);
    assert.equal(page.status, 400, redirect_uri);
    assert.equal(page.location, undefined, redirect_uri);
  }
});

test('PKCE is demanded, and plain is refused', async () => {
  const base = { client_id: house.clients.spa.client_id, response_type: 'code', scope: 'openid', redirect_uri: house.clients.spa.redirect_uri, state: 'some-state-1', nonce: 'some-nonce-1' };
  for (const more of [{}, { code_challenge: 'A'.repeat(43), code_challenge_method: 'plain' }]) {
    const page = await new Visitor().open(`${house.org}/oauth2/v1/authorize?${new URLSearchParams({ ...base, ...more })}`, {}, (a) => a.startsWith(base.redirect_uri));
    assert.ok(page.stopped);
    const back = new URL(page.stopped).searchParams;
    assert.equal(back.get('error'), 'invalid_request');
    assert.equal(back.get('state'), 'some-state-1');
  }
});

test('a sign-in form from another browser or site does nothing', async () => {
  const config = await client(house, 'web');
  const url = oidc.buildAuthorizationUrl(config, { redirect_uri: house.clients.web.redirect_uri, scope: 'openid', state: 'abcdefghij', nonce: 'abcdefghij', code_challenge: 'A'.repeat(43), code_challenge_method: 'S256' });
  const victim = new Visitor(), attacker = new Visitor();
  const page = await attacker.open(url.href);
  const elsewhere = await victim.signIn(page, house.user, (a) => a.startsWith(house.clients.web.redirect_uri));
  assert.equal(elsewhere.stopped, undefined);
  const form = forms(page.body).find((f) => f.method === 'POST');
  const fields = new URLSearchParams(form.inputs.filter((i) => i.name).map((i) => [i.name, i.type === 'password' ? house.user.password : /user|login|ident/.test(i.name) ? house.user.login : i.value ?? '']));
  const cross = await attacker.send(new URL(form.action || page.url, page.url), {
    method: 'POST', body: fields.toString(), headers: { 'Content-Type': 'application/x-www-form-urlencoded', Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' },
  });
  assert.ok(cross.status >= 400, String(cross.status));
});

test('a wrong password and an unknown login look the same', async () => {
  const config = await client(house, 'web');
  const pages = [];
  for (const person of [{ login: house.user.login, password: remember('wrong-password-1') }, { login: 'nobody@example.com', password: remember('wrong-password-2') }]) {
    const url = oidc.buildAuthorizationUrl(config, { redirect_uri: house.clients.web.redirect_uri, scope: 'openid', state: 'abcdefghij', nonce: 'abcdefghij', code_challenge: 'A'.repeat(43), code_challenge_method: 'S256' });
    const visitor = new Visitor();
    pages.push(await visitor.signIn(await visitor.open(url.href), person, (a) => a.startsWith(house.clients.web.redirect_uri)));
  }
  for (const page of pages) assert.equal(page.stopped, undefined);
  assert.equal(pages[0].status, pages[1].status);
  const text = (p) => p.body.replace(/<input[^>]*>/g, '').replace(/action="[^"]*"/g, '');
  assert.equal(text(pages[0]), text(pages[1]));
});

test('a user who is suspended loses sessions and tokens at once', async () => {
  const headers = { Authorization: `SSWS ${house.api_token}`, 'Content-Type': 'application/json', Accept: 'application/json' };
  const person = { login: 'lin@example.com', password: remember('Lin-Password-7421') };
  const made = await (await fetch(`${house.org}/api/v1/users?activate=true`, {
    method: 'POST', headers, body: JSON.stringify({ profile: { login: person.login, email: person.login, firstName: 'Lin', lastName: 'Wei' }, credentials: { password: { value: person.password } } }),
  })).json();
  assert.ok(made.id, JSON.stringify(made));
  const { config, tokens, visitor } = await signIn(house, 'spa', { person, scope: 'openid profile offline_access' });
  assert.equal((await fetch(`${house.org}/api/v1/users/${made.id}/lifecycle/suspend`, { method: 'POST', headers })).status, 200);
  const silent = await authorize(config, house.clients.spa.redirect_uri, person, { visitor, more: { prompt: 'none' } });
  assert.equal(silent.callback.searchParams.get('error'), 'login_required');
  const refresh = await tokenRequest(house, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }, { as: 'spa' });
  assert.equal(refresh.body.error, 'invalid_grant');
  const info = await fetch(`${house.org}/oauth2/v1/userinfo`, { headers: { Authorization: `Bearer ${tokens.access_token}` } });
  assert.equal(info.status, 401);
});

test('127.0.0.1 is the same org under another name', async () => {
  const base = `http://127.0.0.1:${house.port}`;
  const metadata = await (await fetch(`${base}/oauth2/default/.well-known/oauth-authorization-server`)).json();
  assert.equal(metadata.issuer, `${base}/oauth2/default`);
  const stranger = await new Visitor().send(`${house.org}/.well-known/openid-configuration`, { headers: { Host: 'evil.example' } });
  assert.ok([400, 404, 421].includes(stranger.status), String(stranger.status));
});
