// The two guarded upstreams: a wiki that believes headers, an API that wants tokens.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { remember, up } from './lib/gatehouse.js';
import { tokenRequest } from './lib/oidc.js';
import { forms, Visitor } from './lib/visitor.js';

let house;
before(async () => { house = await up(); });
after(async () => assert.equal(await house.stop(), 0));

const token = async (scope, more = {}) => (await tokenRequest(house, { grant_type: 'client_credentials', ...(scope ? { scope } : {}) }, { server: '/oauth2/default', as: 'service', ...more })).body.access_token;
const api = (path, options = {}) => new Visitor().send(`${house.api}${path}`, options);
const bearer = (t) => ({ Authorization: `Bearer ${t}` });

test('no token: 401 with a plain challenge', async () => {
  const answer = await api('/orders');
  assert.equal(answer.status, 401);
  assert.match(answer.headers['www-authenticate'], /^Bearer/);
  assert.doesNotMatch(answer.headers['www-authenticate'], /error=/, 'RFC 6750 §3.1: no error code when no credentials were sent');
});

test('a good token passes, with the scope for the method only', async () => {
  const read = await token('orders:read');
  const answer = await api('/orders', { headers: bearer(read) });
  assert.equal(answer.status, 200);
  assert.ok(JSON.parse(answer.body));
  const write = await api('/orders', { method: 'POST', headers: { ...bearer(read), 'Content-Type': 'application/json' }, body: '{"item":"tea"}' });
  assert.equal(write.status, 403);
  assert.match(write.headers['www-authenticate'], /error="insufficient_scope"/);
  assert.match(write.headers['www-authenticate'], /scope="orders:write"/);
  const both = await token('orders:read orders:write');
  const made = await api('/orders', { method: 'POST', headers: { ...bearer(both), 'Content-Type': 'application/json' }, body: '{"item":"tea"}' });
  assert.ok(made.status === 200 || made.status === 201, String(made.status));
});

test('tokens that are wrong in any way are 401 invalid_token', async () => {
  const good = await token('orders:read');
  const [head, body, signature] = good.split('.');
  const claims = JSON.parse(Buffer.from(body, 'base64url'));
  const encode = (o) => Buffer.from(JSON.stringify(o)).toString('base64url');
  const wrong = {
    'a changed claim': `${head}.${encode({ ...claims, scp: ['orders:read', 'orders:write'] })}.${signature}`,
    'no signature': `${encode({ alg: 'none' })}.${body}.`,
    'alg none with a signature': `${encode({ alg: 'none' })}.${body}.${signature}`,
    'another algorithm': `${encode({ ...JSON.parse(Buffer.from(head, 'base64url')), alg: 'HS256' })}.${body}.${signature}`,
    'not a token': 'nonsense',
    'a changed signature': `${head}.${body}.${signature.slice(0, -4)}AAAA`,
  };
  for (const [what, text] of Object.entries(wrong)) {
    const answer = await api('/orders', { headers: bearer(text) });
    assert.equal(answer.status, 401, what);
    assert.match(answer.headers['www-authenticate'], /error="invalid_token"/, what);
  }
});

test('a token of another audience or server, and an ID token, are refused', async () => {
  const org = (await tokenRequest(house, { grant_type: 'client_credentials', scope: 'okta.users.read' }, { as: 'service' })).body.access_token;
  if (org) assert.equal((await api('/orders', { headers: bearer(org) })).status, 401);
  const { signIn } = await import('./lib/oidc.js');
  const { tokens } = await signIn(house, 'web', { server: '/oauth2/default' });
  assert.equal((await api('/orders', { headers: bearer(tokens.id_token) })).status, 401);
});

test('a token in the query or twice is refused', async () => {
  const good = await token('orders:read');
  assert.ok([400, 401].includes((await api(`/orders?access_token=${good}`)).status));
  const twice = await raw(`GET /orders HTTP/1.1\r\nHost: api.localhost:${house.port}\r\nAuthorization: Bearer ${good}\r\nAuthorization: Bearer ${good}\r\nConnection: close\r\n\r\n`);
  assert.match(twice, /^HTTP\/1\.1 40[01] /);
});

// The gateway may go on for one second (kWitnessEvery), not longer.
async function untilRefused(headers) {
  const deadline = Date.now() + 1300;
  let status;
  do { status = (await api('/orders', { headers })).status; } while (status === 200 && Date.now() < deadline);
  return status;
}

test('a revoked token is refused within a second', async () => {
  const good = await token('orders:read');
  assert.equal((await api('/orders', { headers: bearer(good) })).status, 200);
  assert.equal((await tokenRequest(house, { token: good }, { server: '/oauth2/default', as: 'service', path: 'revoke' })).status, 200);
  assert.equal(await untilRefused(bearer(good)), 401);
});

test('the token of a suspended user is refused within a second', async () => {
  const headers = { Authorization: `SSWS ${house.api_token}`, 'Content-Type': 'application/json' };
  const person = { login: 'kit@example.com', password: remember('Kit-Password-9001') };
  const made = await (await fetch(`${house.org}/api/v1/users?activate=true`, {
    method: 'POST', headers, body: JSON.stringify({ profile: { login: person.login, email: person.login, firstName: 'Kit', lastName: 'K' }, credentials: { password: { value: person.password } } }),
  })).json();
  const { signIn } = await import('./lib/oidc.js');
  const { tokens } = await signIn(house, 'web', { server: '/oauth2/default', person, scope: 'openid orders:read' });
  assert.equal((await api('/orders', { headers: bearer(tokens.access_token) })).status, 200);
  assert.equal((await fetch(`${house.org}/api/v1/users/${made.id}/lifecycle/suspend`, { method: 'POST', headers })).status, 200);
  assert.equal(await untilRefused(bearer(tokens.access_token)), 401);
});

async function raw(text, port = house.port) {
  const net = await import('node:net');
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.end(text));
    let answer = '';
    socket.on('data', (d) => (answer += d));
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
    socket.setTimeout(8000, () => socket.destroy());
  });
}

test('the wiki is reached through one sign-in, and says who one is', async () => {
  const visitor = new Visitor();
  const door = await visitor.open(`${house.wiki}/`);
  assert.ok(door.url.startsWith(house.org), door.url);
  const page = await visitor.signIn(door, house.user);
  assert.equal(page.status, 200);
  assert.ok(page.url.startsWith(house.wiki), page.url);
  assert.ok(page.body.includes(house.user.login), page.body.slice(0, 2000));
  const again = await visitor.send(`${house.wiki}/`);
  assert.equal(again.status, 200, 'no second sign-in');
});

test('one goes back to the page one wanted, with its query', async () => {
  const visitor = new Visitor();
  const page = await visitor.signIn(await visitor.open(`${house.wiki}/page?name=a%20b&x=1`), house.user);
  assert.equal(page.url, `${house.wiki}/page?name=a%20b&x=1`);
});

test('identity headers of a client never reach the wiki, in no spelling', async () => {
  const visitor = new Visitor();
  await visitor.signIn(await visitor.open(`${house.wiki}/`), house.user);
  for (const name of ['X-Remote-User', 'x-remote-user', 'X_Remote_User', 'X.Remote.User', 'x-remote_user', 'X-Remote-Email', 'X-Remote-Groups']) {
    const page = await visitor.send(`${house.wiki}/`, { headers: { [name]: 'mallory-was-here' } });
    assert.doesNotMatch(page.body, /mallory/, name);
    assert.ok([200, 400].includes(page.status), `${name}: ${page.status}`);
    if (page.status === 200) assert.ok(page.body.includes(house.user.login), name);
  }
  const stranger = await new Visitor().send(`${house.wiki}/`, { headers: { 'X-Remote-User': house.user.login } });
  assert.notEqual(stranger.status, 200);
});

test('the session cookie is the browser\'s alone: HttpOnly, host only, not shown to the wiki', async () => {
  const visitor = new Visitor();
  const seen = [];
  const keep = visitor.keep.bind(visitor);
  visitor.keep = (url, lines = []) => { if (url.hostname.startsWith('wiki')) seen.push(...lines); keep(url, lines); };
  const page = await visitor.signIn(await visitor.open(`${house.wiki}/`), house.user);
  assert.ok(seen.length > 0);
  for (const line of seen) {
    assert.match(line, /HttpOnly/i, line.split('=')[0]);
    assert.match(line, /SameSite=Lax/i, line.split('=')[0]);
    assert.doesNotMatch(line, /Domain=/i, line.split('=')[0]);
    const value = line.split(';')[0].split('=').slice(1).join('=');
    if (value.length > 8) assert.equal(page.body.includes(value), false);
  }
});

test('an answer of the org that belongs to another browser is refused', async () => {
  const mine = new Visitor(), theirs = new Visitor();
  const callback = (a) => a.startsWith(house.wiki) && a.includes('code=');
  const page = await mine.signIn(await mine.open(`${house.wiki}/`, {}, callback), house.user, callback);
  assert.ok(page.stopped);
  const stolen = await theirs.send(page.stopped);
  assert.notEqual(stolen.status, 200);
  assert.equal((await theirs.send(`${house.wiki}/`)).status >= 300, true);
});

test('programs are not sent to a page', async () => {
  const answer = await new Visitor().send(`${house.wiki}/`, { method: 'POST', headers: { Accept: 'application/json', 'Content-Type': 'application/json' }, body: '{}' });
  assert.ok([401, 403].includes(answer.status), String(answer.status));
});

test('sign-out at the wiki ends both sessions', async () => {
  const visitor = new Visitor();
  const home = await visitor.signIn(await visitor.open(`${house.wiki}/`), house.user);
  const link = home.body.match(/href="([^"]*(?:sign-?out|logout)[^"]*)"/i)?.[1];
  const form = forms(home.body).find((f) => /sign-?out|logout/i.test(f.action));
  assert.ok(link || form, 'the wiki has a way out');
  let page = form ? await visitor.submit(home, {}, undefined, (f) => f.action === form.action) : await visitor.open(new URL(link.replace(/&amp;/g, '&'), home.url));
  for (let i = 0; i < 2 && forms(page.body ?? '').some((f) => f.method === 'POST' && /sign-?out|logout/i.test(f.action) ); ++i) page = await visitor.submit(page, {}, undefined, (f) => f.method === 'POST');
  const after = await visitor.open(`${house.wiki}/`);
  assert.ok(after.url.startsWith(house.org), `asked again: ${after.url}`);
  assert.match(after.body, /type="password"/);
});

test('a path that two servers could read differently is refused', async () => {
  const good = await token('orders:read');
  for (const path of ['/orders/%2e%2e/admin', '/orders%2f..%2fadmin', '/orders/..;/admin', '/orders\\..\\admin', '/%00', '/orders/%']) {
    const answer = await raw(`GET ${path} HTTP/1.1\r\nHost: api.localhost:${house.port}\r\nAuthorization: Bearer ${good}\r\nConnection: close\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 400 /, path);
  }
});

test('a host that nobody named is refused', async () => {
  const answer = await new Visitor().send(`${house.org}/`, { headers: { Host: `unknown.localhost:${house.port}` } });
  assert.ok([404, 421].includes(answer.status), String(answer.status));
});
