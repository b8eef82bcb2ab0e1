// Custom authorization servers: made, changed and deleted with Okta's own SDK, and what they then give to clients.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as jose from 'jose';
import okta from '@okta/okta-sdk-nodejs';
import { folder, remember, up } from './lib/gatehouse.js';
import { basic, signIn } from './lib/oidc.js';

let house, client, api;
before(async () => {
  house = await up();
  client = new okta.Client({ orgUrl: house.org, token: house.api_token, testing: { disableHttpsCheck: true }, cacheStore: null, cacheMiddleware: null });
  api = client.authorizationServerApi;
});
after(async () => assert.equal(await house.stop(), 0));

const all = async (collection) => { const items = []; await collection.each((i) => { items.push(i); }); return items; };
const fails = (status, code) => (e) => { assert.equal(e.status, status, e.message); assert.equal(e.errorCode, code); return true; };
// What the server makes is not sent back; the client would want its times as dates.
const plain = ({ created, lastUpdated, ...o }) => JSON.parse(JSON.stringify(o));
const ask = async (server, form, who = house.clients.service) => {
  const answer = await fetch(`${house.org}/oauth2/${server.id ?? server}/v1/token`, { method: 'POST', headers: { Authorization: basic(who) }, body: new URLSearchParams(form) });
  const body = await answer.json();
  remember(body.access_token, body.refresh_token, body.id_token);
  return { status: answer.status, body };
};
const service = (server, scope = 'car:drive') => ask(server, { grant_type: 'client_credentials', ...(scope && { scope }) });
const claimsOf = (token) => jose.decodeJwt(token);
const raw = async (method, path, body) => {
  const answer = await fetch(`${house.org}${path}`, { method, headers: { Authorization: `SSWS ${house.api_token}`, 'Content-Type': 'application/json' }, body: body && JSON.stringify(body) });
  return { status: answer.status, body: answer.status === 204 ? null : await answer.json() };
};

let made = 0;
async function openServer({ rule = {}, scopes = ['car:drive'] } = {}) {
  const server = await api.createAuthorizationServer({ authorizationServer: { name: `Cars ${++made}`, description: 'cars', audiences: ['api://cars'] } });
  for (const name of scopes) await api.createOAuth2Scope({ authServerId: server.id, oAuth2Scope: { name, description: 'Drive' } });
  const policy = await api.createAuthorizationServerPolicy({ authServerId: server.id, policy: { type: 'OAUTH_AUTHORIZATION_POLICY', name: 'All', description: 'all', priority: 1, status: 'ACTIVE', conditions: { clients: { include: ['ALL_CLIENTS'] } } } });
  const made_rule = await api.createAuthorizationServerPolicyRule({ authServerId: server.id, policyId: policy.id, policyRule: {
    type: 'RESOURCE_ACCESS', name: 'Any', priority: 1,
    conditions: { people: { groups: { include: ['EVERYONE'] } }, grantTypes: { include: ['client_credentials', 'authorization_code'] }, scopes: { include: ['*'] }, ...rule.conditions },
    actions: { token: { accessTokenLifetimeMinutes: 15, refreshTokenLifetimeMinutes: 0, refreshTokenWindowMinutes: 10080, ...rule.token } } } });
  return { server, policy, rule: made_rule };
}

test('servers: create, read, find, replace, switch off and on, delete', async () => {
  const server = await api.createAuthorizationServer({ authorizationServer: { name: 'Sample', description: 'sample', audiences: ['https://api.resource.com'] } });
  assert.match(server.id, /^aus/);
  assert.equal(server.issuer, `${house.org}/oauth2/${server.id}`);
  assert.deepEqual(server.audiences, ['https://api.resource.com']);
  assert.equal((await api.getAuthorizationServer({ authServerId: server.id })).name, 'Sample');
  assert.deepEqual((await all(await api.listAuthorizationServers({ q: 'samp' }))).map((s) => s.id), [server.id]);
  assert.ok((await all(await api.listAuthorizationServers({ limit: 1 }))).length >= 2);
  const changed = await api.replaceAuthorizationServer({ authServerId: server.id, authorizationServer: { name: 'Other', description: 'new', audiences: ['api://b'] } });
  assert.equal(changed.name, 'Other');
  const metadata = await (await fetch(`${server.issuer}/.well-known/oauth-authorization-server`)).json();
  assert.equal(metadata.issuer, server.issuer);
  await api.deactivateAuthorizationServer({ authServerId: server.id });
  assert.equal((await api.getAuthorizationServer({ authServerId: server.id })).status, 'INACTIVE');
  assert.equal((await fetch(`${server.issuer}/.well-known/oauth-authorization-server`)).status, 404);
  await api.activateAuthorizationServer({ authServerId: server.id });
  await api.deleteAuthorizationServer({ authServerId: server.id });
  await assert.rejects(api.getAuthorizationServer({ authServerId: server.id }), fails(404, 'E0000007'));
  await assert.rejects(api.createAuthorizationServer({ authorizationServer: { name: 'x', audiences: [] } }), fails(400, 'E0000001'));
  await assert.rejects(api.deleteAuthorizationServer({ authServerId: 'default' }), fails(403, 'E0000006'));
});

test('scopes and claims: create, read, list, replace, delete; faults in Okta\'s words', async () => {
  const { server } = await openServer();
  const at = { authServerId: server.id };
  const scope = await api.createOAuth2Scope({ ...at, oAuth2Scope: { name: 'car:order', description: 'Order', consent: 'REQUIRED', displayName: 'Order a car', metadataPublish: 'ALL_CLIENTS' } });
  assert.match(scope.id, /^scp/);
  assert.equal(scope.consent, 'REQUIRED');
  const replaced = await api.replaceOAuth2Scope({ ...at, scopeId: scope.id, oAuth2Scope: { name: 'car:order', description: 'Order one', metadataPublish: 'ALL_CLIENTS', _default: true } });
  assert.equal(replaced.description, 'Order one');
  assert.equal(replaced._default, true);   // as the client calls it
  const names = (await all(await api.listOAuth2Scopes(at))).map((s) => s.name);
  for (const name of ['openid', 'offline_access', 'car:order', 'car:drive']) assert.ok(names.includes(name), name);
  const published = (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()).scopes_supported;
  assert.ok(published.includes('car:order') && !published.includes('car:drive'));
  assert.equal((await service(server, '')).body.scope, 'car:order');
  await api.deleteOAuth2Scope({ ...at, scopeId: scope.id });
  await assert.rejects(api.getOAuth2Scope({ ...at, scopeId: scope.id }), fails(404, 'E0000007'));
  await assert.rejects(api.createOAuth2Scope({ ...at, oAuth2Scope: { name: 'openid' } }), fails(400, 'E0000001'));

  const claim = await api.createOAuth2Claim({ ...at, oAuth2Claim: { name: 'tier', status: 'ACTIVE', claimType: 'RESOURCE', valueType: 'EXPRESSION', value: '"gold"', alwaysIncludeInToken: true, conditions: { scopes: ['car:drive'] } } });
  assert.match(claim.id, /^ocl/);
  assert.equal(claimsOf((await service(server)).body.access_token).tier, 'gold');
  await api.replaceOAuth2Claim({ ...at, claimId: claim.id, oAuth2Claim: { ...plain(claim), value: 'app.clientId' } });
  assert.equal(claimsOf((await service(server)).body.access_token).tier, house.clients.service.client_id);
  await api.replaceOAuth2Claim({ ...at, claimId: claim.id, oAuth2Claim: { ...plain(claim), status: 'INACTIVE' } });
  assert.equal(claimsOf((await service(server)).body.access_token).tier, undefined);
  assert.ok((await all(await api.listOAuth2Claims(at))).some((c) => c.name === 'sub' && c.system));
  await api.deleteOAuth2Claim({ ...at, claimId: claim.id });
  await assert.rejects(api.getOAuth2Claim({ ...at, claimId: claim.id }), fails(404, 'E0000007'));
  await assert.rejects(api.createOAuth2Claim({ ...at, oAuth2Claim: { name: 'broken', claimType: 'RESOURCE', valueType: 'EXPRESSION', value: 'String.nothing(1)' } }),
    (e) => fails(400, 'E0000001')(e) && /line 1, column \d+/.test(e.errorCauses[0].errorSummary));
});

test('policies and rules decide, in their order; what is switched off counts at once', async () => {
  const { server, policy, rule } = await openServer();
  const at = { authServerId: server.id }, in_policy = { ...at, policyId: policy.id };
  const good = await service(server);
  assert.equal(good.body.expires_in, 900);
  assert.equal(claimsOf(good.body.access_token).aud, 'api://cars');
  const words = { error: 'access_denied', error_description: 'Policy evaluation failed for this request, please check the policy configurations.' };
  const refused = async (why) => { const got = await service(server); assert.equal(got.status, 400, why); assert.deepEqual(got.body, words, why); };

  await api.deactivateAuthorizationServerPolicyRule({ ...in_policy, ruleId: rule.id });
  await refused('rule off');
  await api.activateAuthorizationServerPolicyRule({ ...in_policy, ruleId: rule.id });
  await api.deactivateAuthorizationServerPolicy(in_policy);
  await refused('policy off');
  await api.activateAuthorizationServerPolicy(in_policy);
  await api.replaceAuthorizationServerPolicy({ ...in_policy, policy: { ...plain(policy), conditions: { clients: { include: [house.clients.web.client_id] } } } });
  await refused('another client');
  await api.replaceAuthorizationServerPolicy({ ...in_policy, policy: plain(policy) });
  await api.replaceAuthorizationServerPolicyRule({ ...in_policy, ruleId: rule.id, policyRule: { ...plain(rule), conditions: { ...plain(rule.conditions), scopes: { include: ['openid'] } } } });
  await refused('another scope');
  await api.replaceAuthorizationServerPolicyRule({ ...in_policy, ruleId: rule.id, policyRule: plain(rule) });
  assert.equal((await service(server)).status, 200);
  assert.equal((await service(server, 'car:fly')).body.error, 'invalid_scope');

  const first = await api.createAuthorizationServerPolicyRule({ ...in_policy, policyRule: { ...plain(rule), id: undefined, name: 'Short', priority: 1, actions: { token: { accessTokenLifetimeMinutes: 5 } } } });
  assert.deepEqual((await all(await api.listAuthorizationServerPolicyRules(in_policy))).map((r) => [r.name, r.priority]), [['Short', 1], ['Any', 2]]);
  assert.equal((await service(server)).body.expires_in, 300);
  await api.deleteAuthorizationServerPolicyRule({ ...in_policy, ruleId: first.id });
  await assert.rejects(api.getAuthorizationServerPolicyRule({ ...in_policy, ruleId: first.id }), fails(404, 'E0000007'));
  await api.deleteAuthorizationServerPolicy(in_policy);
  assert.deepEqual(await all(await api.listAuthorizationServerPolicies(at)), []);
  await refused('no policy');
});

test('what GET gives can be PUT, and nothing changes', async () => {
  const { server, policy, rule } = await openServer();
  const base = `/api/v1/authorizationServers/${server.id}`;
  const scopes = await raw('GET', `${base}/scopes`), claims = await raw('GET', `${base}/claims`);
  const paths = [base, `${base}/policies/${policy.id}`, `${base}/policies/${policy.id}/rules/${rule.id}`, '/api/v1/authorizationServers/default',
    ...scopes.body.map((s) => `${base}/scopes/${s.id}`), ...claims.body.map((c) => `${base}/claims/${c.id}`)];
  for (const path of paths) {
    const before = await raw('GET', path);
    assert.deepEqual(await raw('PUT', path, before.body), before, path);
  }
});

test('people: a code flow under a rule, refresh under the same rule, tokens listed and taken back', async () => {
  const { server, policy, rule } = await openServer();
  const { tokens } = await signIn(house, 'web', { server: `/oauth2/${server.id}`, scope: 'openid profile offline_access car:drive' });
  const id = tokens.claims();
  assert.equal(id.iss, server.issuer);
  assert.ok(id.name && !id.given_name, 'Okta\'s thin ID token');
  const info = await (await fetch(`${server.issuer}/v1/userinfo`, { headers: { Authorization: `Bearer ${tokens.access_token}` } })).json();
  assert.ok(info.given_name);
  const keys = jose.createRemoteJWKSet(new URL(`${server.issuer}/v1/keys`));
  await jose.jwtVerify(tokens.access_token, keys, { issuer: server.issuer, audience: 'api://cars' });

  const at = { authServerId: server.id, clientId: house.clients.web.client_id };
  assert.deepEqual((await all(await api.listOAuth2ClientsForAuthorizationServer({ authServerId: server.id }))).map((c) => c.client_id ?? c.clientId), [at.clientId]);
  const held = await all(await api.listRefreshTokensForAuthorizationServerAndClient({ ...at, expand: 'scope' }));
  assert.equal(held.length, 1);
  assert.match(held[0].id, /^oar/);
  const refresh = (token) => ask(server, { grant_type: 'refresh_token', refresh_token: token }, house.clients.web);
  const second = await refresh(tokens.refresh_token);
  assert.equal(second.body.expires_in, 900);
  await api.deactivateAuthorizationServerPolicyRule({ authServerId: server.id, policyId: policy.id, ruleId: rule.id });
  assert.equal((await refresh(second.body.refresh_token)).body.error, 'access_denied');
  await api.activateAuthorizationServerPolicyRule({ authServerId: server.id, policyId: policy.id, ruleId: rule.id });
  await api.revokeRefreshTokenForAuthorizationServerAndClient({ ...at, tokenId: held[0].id });
  assert.equal((await refresh(second.body.refresh_token)).body.error, 'invalid_grant');
  await api.revokeRefreshTokensForAuthorizationServerAndClient(at);
  assert.deepEqual(await all(await api.listRefreshTokensForAuthorizationServerAndClient(at)), []);
});

test('keys: listed, rotated; a token of the old key stays good', async () => {
  const { server } = await openServer();
  const old = (await service(server)).body.access_token;
  const listed = await all(await api.listAuthorizationServerKeys({ authServerId: server.id }));
  assert.equal(listed[0].status, 'ACTIVE');
  assert.equal(listed[0].kid, jose.decodeProtectedHeader(old).kid);
  const rotated = await all(await api.rotateAuthorizationServerKeys({ authServerId: server.id, use: { use: 'sig' } }));
  assert.deepEqual(rotated.map((k) => k.status), ['ACTIVE', 'EXPIRED']);
  const fresh = (await service(server)).body.access_token;
  assert.equal(jose.decodeProtectedHeader(fresh).kid, rotated[0].kid);
  const keys = jose.createRemoteJWKSet(new URL(`${server.issuer}/v1/keys`));
  for (const token of [old, fresh]) await jose.jwtVerify(token, keys, { issuer: server.issuer });
});

test('preview says which rule decides, and why not', async () => {
  const { server } = await openServer();
  const preview = (body) => raw('POST', `/gatehouse/v1/authorizationServers/${server.id}/preview`, body);
  const good = await preview({ clientId: house.clients.web.client_id, userId: house.user.login, grantType: 'authorization_code', scopes: ['openid', 'car:drive'] });
  assert.equal(good.body.allowed, true);
  assert.equal(good.body.decidedBy.rule.name, 'Any');
  assert.equal(good.body.accessToken.aud, 'api://cars');
  const bad = await preview({ clientId: house.clients.web.client_id, userId: house.user.login, grantType: 'refresh_token', scopes: ['openid'] });
  assert.equal(bad.body.refusal.error, 'access_denied');
  assert.equal(bad.body.passedOver[0].why, 'the rule is not for this grant type');
});

test('twelve rules at once, as Terraform makes them: none is lost, priorities stay', async () => {
  const { server, policy } = await openServer();
  const in_policy = { authServerId: server.id, policyId: policy.id };
  const results = await Promise.all(Array.from({ length: 12 }, (_, n) => api.createAuthorizationServerPolicyRule({ ...in_policy, policyRule: {
    type: 'RESOURCE_ACCESS', name: `Rule ${n}`, priority: n + 2, conditions: { people: { groups: { include: ['EVERYONE'] } }, grantTypes: { include: ['implicit'] }, scopes: { include: ['*'] } },
    actions: { token: { accessTokenLifetimeMinutes: 60 } } } })));
  assert.deepEqual(results.map((r) => r.priority), Array.from({ length: 12 }, (_, n) => n + 2));
  assert.equal((await all(await api.listAuthorizationServerPolicyRules(in_policy))).length, 13);
});

test('a disabled server stays disabled over a restart; the log has every change', async () => {
  const data = folder('authservers');
  let own = await up({ data });
  const send = (method, path) => fetch(`${own.org}${path}`, { method, headers: { Authorization: `SSWS ${own.api_token}` } });
  assert.equal((await send('POST', '/api/v1/authorizationServers/default/lifecycle/deactivate')).status, 204);
  const token = () => fetch(`${own.org}/oauth2/default/v1/token`, { method: 'POST', headers: { Authorization: basic(own.clients.service) }, body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'orders:read' }) });
  assert.equal((await token()).status, 404);
  assert.equal(await own.stop(), 0);
  own = await up({ data });
  assert.equal((await token()).status, 404);
  const log = await (await send('GET', `/api/v1/logs?filter=${encodeURIComponent('eventType eq "oauth2.as.deactivated"')}`)).json();
  assert.ok(log.some((e) => e.target[0].id === 'default'));
  assert.equal(await own.stop(), 0);
});
