// The management API with Okta's own SDK.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { remember, up } from './lib/gatehouse.js';
import okta from '@okta/okta-sdk-nodejs';

let house, client;
before(async () => {
  house = await up();
  client = new okta.Client({ orgUrl: house.org, token: house.api_token, testing: { disableHttpsCheck: true }, cacheStore: null, cacheMiddleware: null });
});
after(async () => assert.equal(await house.stop(), 0));

const profile = (n) => ({ firstName: 'Kay', lastName: `McNulty ${n}`, email: `kay${n}@example.com`, login: `kay${n}@example.com` });
const all = async (collection) => { const items = []; await collection.each((i) => { items.push(i); }); return items; };

test('users: create, read, find, change, suspend, deactivate, delete', async () => {
  const password = remember('Kay-Password-4711');
  const user = await client.userApi.createUser({ body: { profile: profile(1), credentials: { password: { value: password } } }, activate: true });
  assert.equal(user.status, 'ACTIVE');
  assert.match(user.id, /^00u/);
  const same = await client.userApi.getUser({ userId: 'kay1@example.com' });
  assert.equal(same.id, user.id);
  assert.equal(JSON.stringify(same).includes(password), false);
  assert.equal((await all(await client.userApi.listUsers({ q: 'Kay' }))).length, 1);
  assert.equal((await all(await client.userApi.listUsers({ filter: 'profile.login eq "kay1@example.com"' })))[0].id, user.id);
  const changed = await client.userApi.updateUser({ userId: user.id, user: { profile: { nickName: 'K' } } });
  assert.equal(changed.profile.nickName, 'K');
  assert.equal(changed.profile.lastName, 'McNulty 1');
  await client.userApi.suspendUser({ userId: user.id });
  assert.equal((await client.userApi.getUser({ userId: user.id })).status, 'SUSPENDED');
  await client.userApi.unsuspendUser({ userId: user.id });
  await client.userApi.deactivateUser({ userId: user.id });
  await client.userApi.deleteUser({ userId: user.id });
  await assert.rejects(client.userApi.getUser({ userId: user.id }), (e) => e.status === 404 && e.errorCode === 'E0000007');
});

test('a login that is taken and a profile that is wrong are said as Okta says it', async () => {
  await client.userApi.createUser({ body: { profile: profile(2) }, activate: false });
  await assert.rejects(client.userApi.createUser({ body: { profile: profile(2) } }), (e) => e.status === 400 && e.errorCode === 'E0000001' && e.errorCauses.length > 0);
  await assert.rejects(client.userApi.createUser({ body: { profile: { login: 'no address', email: 'none either', firstName: 'x' } } }), (e) => e.status === 400 && e.errorCode === 'E0000001' && e.errorCauses.length >= 2);
});

test('users come in pages', async () => {
  await Promise.all(Array.from({ length: 12 }, (_, n) => client.userApi.createUser({ body: { profile: profile(100 + n) }, activate: false })));
  const users = await all(await client.userApi.listUsers({ limit: 5, filter: 'status eq "STAGED"' }));
  assert.ok(users.length >= 12);
  assert.equal(new Set(users.map((u) => u.id)).size, users.length);
});

test('groups: create, fill, list, empty, delete', async () => {
  const group = await client.groupApi.createGroup({ group: { profile: { name: 'ENIAC', description: 'programmers' } } });
  assert.match(group.id, /^00g/);
  const user = await client.userApi.createUser({ body: { profile: profile(3) }, activate: false });
  await client.groupApi.assignUserToGroup({ groupId: group.id, userId: user.id });
  assert.deepEqual((await all(await client.groupApi.listGroupUsers({ groupId: group.id }))).map((u) => u.id), [user.id]);
  assert.deepEqual((await all(await client.userApi.listUserGroups({ userId: user.id }))).map((g) => g.profile.name).sort(), ['ENIAC', 'Everyone']);
  assert.equal((await all(await client.groupApi.listGroups({ q: 'ENI' }))).length, 1);
  await client.groupApi.unassignUserFromGroup({ groupId: group.id, userId: user.id });
  assert.deepEqual(await all(await client.groupApi.listGroupUsers({ groupId: group.id })), []);
  await client.groupApi.deleteGroup({ groupId: group.id });
  await assert.rejects(client.groupApi.getGroup({ groupId: group.id }), (e) => e.status === 404);
});

test('apps: an OIDC client made here can sign in here', async () => {
  const app = await client.applicationApi.createApplication({
    application: {
      name: 'oidc_client', label: 'Nightly build', signOnMode: 'OPENID_CONNECT',
      credentials: { oauthClient: { token_endpoint_auth_method: 'client_secret_basic', autoKeyRotation: true } },
      settings: { oauthClient: { application_type: 'service', grant_types: ['client_credentials'], response_types: ['token'] } },
    },
  });
  const { client_id, client_secret } = app.credentials.oauthClient;
  assert.ok(client_id && client_secret);
  remember(client_secret);
  const ask = () => fetch(`${house.org}/oauth2/default/v1/token`, {
    method: 'POST', headers: { Authorization: 'Basic ' + Buffer.from(`${client_id}:${client_secret}`).toString('base64') },
    body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'orders:read' }),
  });
  const token = await ask();
  assert.equal(token.status, 200);
  remember((await token.json()).access_token);
  await client.applicationApi.deactivateApplication({ appId: app.id });
  assert.equal((await ask()).status, 401, 'what is deactivated is dead at once');
  await client.applicationApi.deleteApplication({ appId: app.id });
  await assert.rejects(client.applicationApi.getApplication({ appId: app.id }), (e) => e.status === 404);
});

test('without a token, with a wrong one and with one that may not', async () => {
  const status = async (headers) => (await fetch(`${house.org}/api/v1/users`, { headers })).status;
  assert.equal(await status({}), 403, 'E0000005 Invalid session, as Okta says it');
  assert.equal(await status({ Authorization: 'SSWS 00nonsensenonsense' }), 401);
  const wrong = await (await fetch(`${house.org}/api/v1/users`, { headers: { Authorization: 'SSWS 00nonsensenonsense' } })).json();
  assert.equal(wrong.errorCode, 'E0000011');
});

test('unknown paths, methods and bodies are answered in the form of the API', async () => {
  const headers = { Authorization: `SSWS ${house.api_token}`, 'Content-Type': 'application/json' };
  const missing = await fetch(`${house.org}/api/v1/nothing`, { headers });
  assert.equal(missing.status, 404);
  assert.ok((await missing.json()).errorCode);
  assert.equal((await fetch(`${house.org}/api/v1/users`, { method: 'PATCH', headers, body: '{}' })).status, 405);
  const broken = await fetch(`${house.org}/api/v1/users`, { method: 'POST', headers, body: '{"profile":' });
  assert.equal(broken.status, 400);
  assert.equal((await broken.json()).errorCode, 'E0000003');
  assert.ok(missing.headers.get('x-okta-request-id'));
});
