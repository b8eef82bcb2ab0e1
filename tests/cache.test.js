// The response cache of the real program: two users, a hundred at once, an upstream that dies, and an operator who purges.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import * as jose from 'jose';
import { folder, serve, sleep, up } from './lib/gatehouse.js';

let house, port, operations, upstream, fragile, fragilePort, issuerServer, issuer, key, dir, apiToken;
const asked = new Map();
const listen = (server, at = 0) => new Promise((done) => server.listen(at, '127.0.0.1', () => done(server.address().port)));
const freePort = async () => { const s = net.createServer(); const p = await listen(s); s.close(); return p; };
const count = (url) => asked.get(url) ?? 0;

// Says what its query asks it to say: ?cc= is Cache-Control, ?wait= how long it takes, further names are headers.
function answer(request, reply) {
  asked.set(request.url, count(request.url) + 1);
  const url = new URL(request.url, 'http://app');
  const headers = { 'X-Serial': String(count(request.url)) };
  for (const [name, value] of url.searchParams) if (!['cc', 'wait', 'size', 'cut', 'status'].includes(name)) headers[name] = value;
  if (url.searchParams.has('cc')) headers['Cache-Control'] = url.searchParams.get('cc');
  if (headers.ETag && request.headers['if-none-match'] === headers.ETag) { reply.writeHead(304, headers); reply.end(); return; }
  const size = Number(url.searchParams.get('size') ?? 0);
  setTimeout(() => {
    if (url.searchParams.has('cut')) headers['Content-Length'] = '1000000';
    reply.writeHead(Number(url.searchParams.get('status') ?? 200), headers);
    if (url.searchParams.has('cut')) { reply.write('half'); setTimeout(() => reply.destroy(), 50); return; }
    reply.end(size ? 'x'.repeat(size) : JSON.stringify({ user: request.headers['x-user'] ?? null, lang: request.headers['accept-language'] ?? null }));
  }, Number(url.searchParams.get('wait') ?? 0));
}

before(async () => {
  upstream = http.createServer(answer);
  const to = `http://127.0.0.1:${await listen(upstream)}`;
  fragile = http.createServer(answer);
  fragilePort = await listen(fragile);
  const pair = await jose.generateKeyPair('ES256', { extractable: true });
  key = pair.privateKey;
  const published = [{ ...(await jose.exportJWK(pair.publicKey)), kid: 'k', alg: 'ES256', use: 'sig' }];
  issuerServer = http.createServer((req, res) => res.setHeader('Content-Type', 'application/json').end(JSON.stringify(req.url.endsWith('/keys') ? { keys: published } : { issuer, jwks_uri: `${issuer}/keys` })));
  issuer = `http://127.0.0.1:${await listen(issuerServer)}/oauth2/test`;

  dir = folder('cache');
  const demo = await up({ data: path.join(dir, 'data') });   // for an administrator's token
  apiToken = demo.api_token;
  const nothing = await ask('/gatehouse/v1/cache/purge', { method: 'POST', to: demo.port, host: `localhost:${demo.port}`, headers: { Authorization: `SSWS ${apiToken}`, 'Content-Type': 'application/json' }, body: '{"prefix":"http://localhost/"}' });
  assert.equal(nothing.body, '{"purged":0}', 'where no route has a cache there is nothing to purge');
  await demo.kill();
  port = await freePort();
  operations = await freePort();
  const token = `token: {issuer: "${issuer}", audience: api://default, headers: {X-User: sub}, forward_token: false}`;
  fs.writeFileSync(path.join(dir, 'gatehouse.yaml'), `
data: data
listeners: [{port: ${port}}]
log: {level: debug, form: json}
operations: {port: ${operations}}
org: {hosts: ["localhost"]}
gateway:
  hosts:
    - host: app.test
      routes:
        - {path: /, upstream: "${to}", open: true, compress: true, cache: {collapse: 10s}}
        - {path: /fragile, upstream: "http://127.0.0.1:${fragilePort}", open: true, cache: {name: fragile, stale_if_error: 1h}}
        - {path: /plain, upstream: "${to}", ${token}, cache: true}
        - {path: /own, upstream: "${to}", ${token}, cache: {per_subject: true}}
        - {path: /together, upstream: "${to}", ${token}, cache: {share_authorised: true}}
`);
  house = await serve(path.join(dir, 'gatehouse.yaml'));
});
after(async () => {
  for (const server of [upstream, fragile, issuerServer]) { server?.closeAllConnections(); server?.close(); }
  if (house) assert.equal(await house.stop(), 0);
});

function ask(target, { method = 'GET', headers = {}, host = 'app.test', to = port, body } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({ port: to, host: '127.0.0.1', path: target, method, agent: false, headers: { Host: host, ...headers } }, (reply) => {
      let text = '';
      reply.on('data', (d) => (text += d));
      reply.on('end', () => resolve({ status: reply.statusCode, headers: reply.headers, body: text, state: reply.headers['cache-status'] ?? '' }));
      reply.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}
const token = async (sub) => ({ Authorization: `Bearer ${await new jose.SignJWT({ iss: issuer, aud: 'api://default', sub, cid: 'c1', iat: Math.floor(Date.now() / 1000), exp: Math.floor(Date.now() / 1000) + 600 }).setProtectedHeader({ alg: 'ES256', kid: 'k' }).sign(key)}` });
async function until(condition, what) {
  for (let i = 0; i < 400; i++) { if (await condition()) return; await sleep(25); }
  assert.fail(`never: ${what}`);
}

test('what is fresh is answered from memory, also to HEAD and to who has it already', async () => {
  const page = '/page?cc=max-age%3D100&ETag=%221%22';
  assert.match((await ask(page)).state, /^gatehouse; fwd=uri-miss; fwd-status=200; stored; ttl=(99|100)$/);
  const hit = await ask(page);
  assert.match(hit.state, /^gatehouse; hit; ttl=\d+$/);
  assert.match(hit.headers.age, /^\d+$/);
  assert.equal(hit.headers['x-serial'], '1');
  assert.equal((await ask(page, { method: 'HEAD' })).headers['content-length'], String(hit.body.length));
  assert.equal((await ask(page, { headers: { 'If-None-Match': '"0", "1"' } })).status, 304);
  assert.equal(count(page), 1);
});

test('two users never see each other\'s answers', async () => {
  const [ada, bob] = [await token('ada'), await token('bob')];
  for (const [where, words] of [['/plain', 'max-age=100, public'], ['/own', 'max-age=100'], ['/together', 'max-age=100']]) {
    const target = `${where}/account/x.css?cc=${encodeURIComponent(words)}`;
    for (const [who, headers] of [['ada', ada], ['bob', bob], ['ada', ada], ['bob', bob]])
      assert.equal(JSON.parse((await ask(target, { headers })).body).user, who, target);
    assert.equal((await ask(target)).status, 401, 'nobody gets nothing');
    assert.equal(count(target), where === '/own' ? 2 : 4, target);
  }
  const shared = '/together/list?cc=max-age%3D100,public';
  assert.equal(JSON.parse((await ask(shared, { headers: ada })).body).user, 'ada');
  assert.equal((await ask(shared, { headers: bob })).state.includes('; hit'), true, 'route and answer both say so');
  assert.equal((await ask(shared)).status, 401);
  const selected = '/together/mine?cc=max-age%3D100,public&Vary=X-User';
  for (const [who, headers] of [['ada', ada], ['bob', bob], ['ada', ada]]) assert.equal(JSON.parse((await ask(selected, { headers })).body).user, who);
  assert.equal(count(selected), 2);
});

test('a hundred who miss together are one question to the upstream', async () => {
  const slow = '/slow?cc=max-age%3D100&wait=300';
  const all = await Promise.all(Array.from({ length: 100 }, () => ask(slow)));
  assert.equal(count(slow), 1);
  assert.ok(all.every((one) => one.status === 200 && one.headers['x-serial'] === '1'));
  assert.equal(all.filter((one) => one.state.includes('stored')).length, 1);
  assert.ok(all.some((one) => one.state.includes('collapsed')));
  // What cannot be shared is not waited for twice.
  const personal = '/personal?cc=private&wait=300';
  const began = performance.now();
  await Promise.all(Array.from({ length: 20 }, () => ask(personal)));
  assert.equal(count(personal), 20);
  assert.ok(performance.now() - began < 5000, 'they did not queue up behind each other');
});

test('what is stale is answered while it is refreshed', async () => {
  const page = '/swr?cc=max-age%3D1,stale-while-revalidate%3D60';
  await ask(page);
  await sleep(2100);
  const stale = await ask(page);
  assert.equal(stale.headers['x-serial'], '1');
  assert.match(stale.state, /hit; ttl=-\d+/);
  await until(() => count(page) === 2, 'the refresh');
  await until(async () => (await ask(page)).headers['x-serial'] !== '1', 'the fresh one');
});

test('an answer is checked with the upstream, and a body that did not change is not sent again', async () => {
  const page = '/checked?cc=no-cache&ETag=%22e1%22';
  await ask(page);
  const again = await ask(page);
  assert.equal(again.status, 200);
  assert.match(again.state, /fwd-status=304/);
  assert.match(again.body, /user/);
});

test('an upstream that is killed is bridged, and its return is noticed', async () => {
  const page = '/fragile/page?cc=max-age%3D1';
  assert.equal((await ask(page)).status, 200);
  fragile.closeAllConnections();
  await new Promise((r) => fragile.close(r));
  await sleep(2100);
  for (let i = 0; i < 5; i++) {
    const bridged = await ask(page);
    assert.equal(bridged.status, 200);
    assert.match(bridged.state, /fwd=stale; fwd-status=50[23]; .*detail=stale-if-error/);
  }
  assert.ok((await ask('/fragile/unknown?cc=max-age%3D1')).status >= 502);
  fragile = http.createServer(answer);
  await listen(fragile, fragilePort);
  await until(async () => (await ask(page)).headers['x-serial'] === '2', 'it is asked again');
});

test('half an answer, a long one and an error are not kept', async () => {
  for (let i = 0; i < 2; i++) await assert.rejects(ask('/cut?cc=max-age%3D100&cut=1'));
  assert.equal(count('/cut?cc=max-age%3D100&cut=1'), 2);
  const large = '/large?cc=max-age%3D100&size=3000000';
  for (let i = 0; i < 2; i++) assert.equal((await ask(large)).body.length, 3000000);
  assert.equal(count(large), 2);
  const half = '/half?cc=max-age%3D100&size=500000';
  for (let i = 0; i < 2; i++) assert.equal((await ask(half)).body.length, 500000);
  assert.equal(count(half), 1);
  for (const status of [400, 404, 431, 503]) {
    const error = `/error?cc=max-age%3D100,public&status=${status}`;
    for (let i = 0; i < 2; i++) assert.equal((await ask(error)).status, status);
    assert.equal(count(error), 2);
  }
});

test('no field of one client is heard by another', async () => {
  const page = '/poison?cc=max-age%3D100';
  await ask(page, { headers: { 'X-Forwarded-Host': 'evil.test', 'X-Forwarded-Proto': 'gopher', 'X-Original-URL': '/evil', 'X-HTTP-Method-Override': 'DELETE' } });
  await ask(page, { host: 'app.test:81' });
  await ask(page, { headers: { Cookie: 'session=1' } });
  assert.equal(count(page), 3);
  assert.match((await ask(page)).state, /; hit/);
  const lang = '/lang?cc=max-age%3D100&Vary=Accept-Language';
  for (const l of ['de', 'en', 'DE']) assert.equal(JSON.parse((await ask(lang, { headers: { 'Accept-Language': l } })).body).lang, l === 'DE' ? 'de' : l);
  assert.equal(count(lang), 2);
});

test('a change takes out what it changed', async () => {
  const page = '/item?cc=max-age%3D100', other = '/list?cc=max-age%3D100';
  for (const one of [page, other]) await ask(one);
  const change = await ask(page, { method: 'POST', body: 'x' });
  assert.equal(change.state, 'gatehouse; fwd=method');
  assert.equal((await ask(page)).headers['x-serial'], '3');
  assert.match((await ask(other)).state, /; hit/);
  await ask(`/item2?Location=${encodeURIComponent(other)}`, { method: 'PUT', body: 'x' });
  assert.equal((await ask(other)).headers['x-serial'], '2');
});

test('an operator purges; nobody else may; and numbers tell of it', async () => {
  const purge = async (body, headers = { Authorization: `SSWS ${apiToken}` }) => {
    const reply = await ask('/gatehouse/v1/cache/purge', { method: 'POST', host: `localhost:${port}`, headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) });
    return reply.status === 200 ? JSON.parse(reply.body).purged : reply.status;
  };
  const pages = ['/p?cc=max-age%3D100', '/p/a?cc=max-age%3D100', '/pa?cc=max-age%3D100&Surrogate-Key=k1%20k2'];
  for (const page of pages) await ask(page);
  assert.equal(await purge({ url: `http://app.test${pages[0]}` }, {}), 403);
  assert.equal(await purge({ url: `http://app.test${pages[0]}` }), 1);
  assert.equal(await purge({ url: `http://app.test${pages[0]}` }), 0);
  await ask(pages[0]);
  assert.equal(await purge({ prefix: 'http://app.test/p' }), 2);
  assert.equal(await purge({ tag: 'k2' }), 1);
  assert.equal(await purge({}), 400);
  assert.equal(await purge({ url: 'http://app.test/x', tag: 'y' }), 400);
  assert.equal(await purge({ urls: 'http://app.test/x' }), 400);
  assert.ok((await purge({ route: 'app.test/' })) > 0);
  assert.equal((await ask(pages[0])).headers['x-serial'], '3');
  const metrics = (await ask('/metrics', { to: operations, host: 'any' })).body;
  assert.match(metrics, /gatehouse_cache_total\{host="app\.test",route="app\.test\/",result="hit"\} [1-9]/);
  assert.match(metrics, /gatehouse_cache_purged_total\{cache="default\/67108864"\} [1-9]/);
  assert.match(metrics, /gatehouse_cache_entries\{cache="fragile\/67108864"\} 1/);
});

test('a reload keeps what is kept', async () => {
  const page = '/reload?cc=max-age%3D100';
  await ask(page);
  house.child.kill('SIGHUP');
  await until(() => house.log().includes('configuration.loaded'), 'the reload');
  assert.match((await ask(page)).state, /; hit/);
});
