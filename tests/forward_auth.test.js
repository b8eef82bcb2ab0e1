// Debian's nginx and Caddy ask Gatehouse before they forward: the snippets of docs/forward-auth.md, with ports filled in.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { execute, folder, remember, serve, sleep } from './lib/gatehouse.js';
import { root } from './lib/remember.js';
import { Visitor } from './lib/visitor.js';

const password = remember('correct-horse-battery-staple-9');
const clientSecret = remember('forward-auth-client-secret-0123');
const shared = remember('forward-auth-shared-secret-0123');
const person = { login: 'grace@example.com', password };
let house, app, nginx, caddy, ports, dir;

const freePort = () => new Promise((r) => { const s = net.createServer().listen(0, '127.0.0.1', () => { const p = s.address().port; s.close(() => r(p)); }); });

// The snippet of one section of the documentation, as it stands there.
function snippet(title) {
  const text = fs.readFileSync(path.join(root, 'docs/forward-auth.md'), 'utf8');
  return text.split(`## ${title}`)[1].match(/```\w+\n([\s\S]*?)```/)[1];
}

async function reachable(port) {
  for (let i = 0; i < 100; ++i) {
    const open = await new Promise((r) => { const s = net.connect(port, '127.0.0.1', () => { s.destroy(); r(true); }).on('error', () => r(false)); });
    if (open) return;
    await sleep(100);
  }
  throw new Error(`nobody listens on ${port}`);
}

function start(command, args, env = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
  child.said = '';
  child.stderr.on('data', (d) => (child.said += d));
  return child;
}

before(async () => {
  dir = folder('forward-auth');
  app = http.createServer((request, reply) => reply.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers }))).listen(0, '127.0.0.1');
  await once(app, 'listening');
  ports = { house: await freePort(), nginx: await freePort(), caddy: await freePort() };
  const secretFile = (name, text) => { fs.writeFileSync(path.join(dir, name), text + '\n', { mode: 0o600 }); return `file:${path.join(dir, name)}`; };
  const at = [`http://app.localhost:${ports.nginx}`, `http://caddy.localhost:${ports.caddy}`];
  fs.writeFileSync(path.join(dir, 'seed.yaml'), `
users: [{login: ${person.login}, first_name: Grace, last_name: Hopper, password: "${secretFile('password', password)}"}]
apps:
  - label: App
    client_id: app
    client_secret: "${secretFile('client', clientSecret)}"
    redirect_uris: [${at.map((a) => `"${a}/.gatehouse/callback"`).join(', ')}]
    post_logout_redirect_uris: [${at.map((a) => `"${a}/.gatehouse/signed-out"`).join(', ')}]
    consent: false
    groups: [Everyone]
`);
  const signIn = `sign_in: {issuer: "http://127.0.0.1:${ports.house}", client_id: app, client_secret: "file:${dir}/client", headers: {X-Remote-User: preferred_username, X-Remote-Phone: phone_number}}`;
  const routes = `
        - {path: /, ${signIn}, policy: site}
        - {path: /open, open: true, policy: site}`;
  fs.writeFileSync(path.join(dir, 'gatehouse.yaml'), `
data: data
listeners: [{port: ${ports.house}}]
log: {level: debug, form: json}
org: {hosts: ["127.0.0.1"]}
trusted_proxies: [127.0.0.1]
seed: seed.yaml
zones: {banned: [203.0.113.0/24]}
policies:
  - name: site
    rules:
      - {deny: {zones: [banned]}}
      - {deny: {paths: [/admin, /open/admin]}}
      - {allow: {everybody: true}}
forward_auth: {callers: [127.0.0.1], secret: "${secretFile('shared', shared)}"}
gateway:
  hosts:
    - host: app.localhost
      forward_auth_only: true
      routes:${routes}
    - host: caddy.localhost
      forward_auth_only: true
      routes:${routes}
`);
  house = await serve(path.join(dir, 'gatehouse.yaml'));

  const filled = (title) => snippet(title).replaceAll('the-shared-secret', shared);
  fs.writeFileSync(path.join(dir, 'nginx.conf'), `
daemon off; pid ${dir}/nginx.pid; error_log stderr warn; worker_processes 1;
events {}
http {
  access_log off;
  client_body_temp_path ${dir}/b; proxy_temp_path ${dir}/p; fastcgi_temp_path ${dir}/f; uwsgi_temp_path ${dir}/u; scgi_temp_path ${dir}/s;
  upstream gatehouse { server 127.0.0.1:${ports.house}; }
  upstream app { server 127.0.0.1:${app.address().port}; }
  server {
    listen 127.0.0.1:${ports.nginx};
    server_name app.localhost;
${filled('nginx')}
  }
}
`);
  nginx = start('nginx', ['-c', path.join(dir, 'nginx.conf')]);
  fs.writeFileSync(path.join(dir, 'Caddyfile'), `{
  admin off
  auto_https off
}
${filled('Caddy').replace('app.example.com', `http://caddy.localhost:${ports.caddy}`).replaceAll('127.0.0.1:8080', `127.0.0.1:${ports.house}`).replace('app:80', `127.0.0.1:${app.address().port}`)}`);
  caddy = start('caddy', ['run', '--config', path.join(dir, 'Caddyfile'), '--adapter', 'caddyfile'], { HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir });
  await Promise.all([reachable(ports.nginx), reachable(ports.caddy)]);
});
after(async () => {
  for (const child of [nginx, caddy]) if (child && child.exitCode === null) { child.kill('SIGTERM'); await once(child, 'exit'); }
  app?.closeAllConnections();
  app?.close();
  assert.equal(await house?.stop(), 0);
});

const hosts = { nginx: () => `http://app.localhost:${ports.nginx}`, caddy: () => `http://caddy.localhost:${ports.caddy}` };
const html = { Accept: 'text/html', 'Sec-Fetch-Mode': 'navigate' };

for (const name of ['nginx', 'caddy']) {
  const at = (target) => hosts[name]() + target;

  test(`${name}: an open path passes, and no identity that the client claims`, async () => {
    const answer = await new Visitor().send(at('/open/x?y=1'), { headers: { 'X-Remote-User': 'mallory' } });
    assert.equal(answer.status, 200, answer.body);
    const seen = JSON.parse(answer.body);
    assert.equal(seen.url, '/open/x?y=1');
    assert.ok(!seen.headers['x-remote-user'], 'CVE-2026-30851');
  });

  test(`${name}: a denied path is denied however it is written`, async () => {
    for (const target of ['/open/admin', '/open/admin/x', '/open//admin', '/open/ADMIN', '/open/admin;x=y', '/open/%61dmin', '/open/x/..;/admin', '/open/x%2f..%2fadmin', '/open/admin?x=/open'])
      assert.notEqual((await new Visitor().send(at(target))).status, 200, target);
  });

  test(`${name}: the question cannot be put from outside or changed by headers`, async () => {
    assert.equal((await new Visitor().send(at('/.gatehouse/forward-auth/nginx'), { headers: { 'X-Original-URL': at('/open/x'), 'X-Original-Method': 'GET', 'X-Gatehouse-Secret': shared } })).status, 404);
    for (const [header, value] of [['X-Original-URL', at('/open/x')], ['X-Forwarded-Uri', '/open/x'], ['X-Original-URI', '/open/x'], ['X-Forwarded-Method', 'OPTIONS']])
      assert.notEqual((await new Visitor().send(at('/open/admin'), { headers: { [header]: value } })).status, 200, header);
  });

  test(`${name}: a browser signs in and comes back with its identity`, async () => {
    const visitor = new Visitor();
    const away = await visitor.send(at('/page?a=1'), { headers: html });
    assert.equal(away.status, 302, away.body);
    assert.match(away.location ?? away.headers.location, new RegExp(`^http://127\\.0\\.0\\.1:${ports.house}/`));
    assert.equal((await visitor.send(at('/page'), { headers: { Accept: 'application/json' } })).status, 401, 'a script is not sent away');
    let page = await visitor.open(at('/page?a=1'), html);
    page = await visitor.signIn(page, person);
    const seen = JSON.parse(page.body);
    assert.equal(seen.url, '/page?a=1');
    assert.equal(seen.headers['x-remote-user'], person.login);
    assert.equal((await visitor.send(at('/admin'), { headers: html })).status, 403);
    const again = JSON.parse((await visitor.send(at('/page'), { headers: { 'X-Remote-User': 'mallory', 'X-Remote-Phone': '666' } })).body);
    assert.equal(again.headers['x-remote-user'], person.login);
    if (name === 'nginx') assert.doesNotMatch(again.headers.cookie ?? '', /gh_session/, 'the session stays with the gateway');
  });
}

test('who does not know the secret is told nothing', async () => {
  const ask = (headers) => new Visitor().send(`http://127.0.0.1:${ports.house}/.gatehouse/forward-auth/traefik`, { headers: { Host: 'app.localhost', 'X-Forwarded-Uri': '/open/x', 'X-Forwarded-Method': 'GET', 'X-Forwarded-Proto': 'http', 'X-Forwarded-Host': 'app.localhost', 'X-Forwarded-For': '192.0.2.1', ...headers } });
  assert.equal((await ask({})).status, 403);
  assert.equal((await ask({ 'X-Gatehouse-Secret': shared })).status, 200);
  assert.equal((await ask({ 'X-Gatehouse-Secret': shared, 'X-Forwarded-For': '203.0.113.9' })).status, 403, 'the zone of the client counts');
});

test('explain comes to the same verdicts, without the server', async () => {
  const explain = (...args) => execute(['explain', '-c', path.join(dir, 'gatehouse.yaml'), '--client-ip', '192.0.2.1', ...args]);
  const open = await explain('GET', 'http://app.localhost/open/x', '--json');
  assert.equal(open.code, 0, open.err);
  assert.equal(JSON.parse(open.out).allowed, true);
  assert.equal((await explain('GET', 'http://app.localhost/open/admin')).code, 1);
  const imagined = await explain('GET', 'http://app.localhost/page', '--claims', '{"preferred_username":"ada"}');
  assert.equal(imagined.code, 0, imagined.out + imagined.err);
  assert.match(imagined.out, /X-Remote-User: ada/);
  assert.equal((await explain('GET', 'nonsense')).code, 2);
});

test('explain knows the users of the org, beside the running server, and signs nobody in', async () => {
  const explain = (...args) => execute(['explain', '-c', path.join(dir, 'gatehouse.yaml'), '--client-ip', '192.0.2.1', ...args]);
  const size = () => fs.readFileSync(house.logFile, 'utf8').split('\n').filter((line) => /sign|session/.test(line)).length;
  const before_ = size();
  const grace = await explain('GET', 'http://app.localhost/page', '--as', person.login);
  assert.equal(grace.code, 0, grace.out + grace.err);
  assert.match(grace.out, new RegExp(`X-Remote-User: ${person.login}`));
  const id = grace.out.match(/\((00u[A-Za-z0-9]+)\)/)[1];
  assert.equal((await explain('GET', 'http://app.localhost/page', '--as', id)).out, grace.out);
  const unknown = await explain('GET', 'http://app.localhost/page', '--as', 'nobody@example.com');
  assert.equal(unknown.code, 2);
  assert.match(unknown.err, /the org has no user 'nobody@example.com'/);
  assert.equal((await explain('GET', 'http://app.localhost/page', '--as', person.login, '--claims', '{}')).code, 2);
  assert.equal((await explain('GET', 'http://app.localhost/page', '--acr', 'phr')).code, 2);
  assert.equal((await explain('GET', 'http://app.localhost/page', '--as', person.login, '--auth-time', 'yesterday')).code, 2);
  assert.equal(size(), before_);
});
