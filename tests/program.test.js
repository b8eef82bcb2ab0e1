// The program as an operator meets it: one line when ready, clear messages, exit codes that mean something.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { execute, folder, sleep, up } from './lib/gatehouse.js';
import { Visitor } from './lib/visitor.js';

// Documented in docs/program.md and `gatehouse --help`.
const exits = { ok: 0, failed: 1, usage: 2, configuration: 3, portTaken: 4, data: 5, database: 6 };

test('up --json says everything in one line', async () => {
  const house = await up();
  assert.match(house.org, /^http:\/\/localhost:\d+$/);
  assert.equal(house.wiki, `http://wiki.localhost:${house.port}`);
  assert.equal(house.api, `http://api.localhost:${house.port}`);
  assert.ok(house.admin.login && house.admin.password && house.user.login && house.user.password && house.api_token);
  assert.ok(house.clients.spa.client_id && !house.clients.spa.client_secret);
  for (const kind of ['web', 'service']) assert.ok(house.clients[kind].client_id && house.clients[kind].client_secret, kind);
  assert.equal(await house.stop(), 0);
  assert.deepEqual(house.more, []);
});

test('two starts have different passwords, tokens and keys', async () => {
  const [a, b] = await Promise.all([up(), up()]);
  const keys = await Promise.all([a, b].map(async (h) => (await (await fetch(`${h.org}/oauth2/v1/keys`)).json()).keys.map((k) => k.kid)));
  assert.notEqual(a.admin.password, b.admin.password);
  assert.notEqual(a.api_token, b.api_token);
  assert.notDeepEqual(keys[0], keys[1]);
  await Promise.all([a.stop(), b.stop()]);
});

test('a second start with the same folder has the same accounts, keys and data; the folder is private', async () => {
  const data = path.join(folder('data'), 'house');
  const first = await up({ data });
  const keys = await (await fetch(`${first.org}/oauth2/v1/keys`)).json();
  await first.stop();
  const second = await up({ data });
  const pick = ({ admin, user, api_token, clients }) => ({ admin, user, api_token, clients });
  assert.deepEqual(pick(second), pick(first));
  assert.deepEqual(await (await fetch(`${second.org}/oauth2/v1/keys`)).json(), keys);
  await second.stop();
  assert.equal(fs.statSync(data).mode & 0o077, 0);
  for (const file of fs.readdirSync(data)) assert.equal(fs.statSync(path.join(data, file)).mode & 0o077, 0, file);
});

test('people get addresses, accounts and curl lines that work', async () => {
  const port = await freePort();
  const { spawn } = await import('node:child_process');
  const { binary, remember } = await import('./lib/gatehouse.js');
  const child = spawn(binary, ['up', '--ephemeral', '--port', String(port)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  child.stdout.on('data', (d) => (out += d));
  for (let i = 0; i < 100 && !/curl[^\n]*\n[\s\S]*Ctrl-C/.test(out); ++i) await sleep(100);
  assert.match(out, new RegExp(`http://localhost:${port}`));
  assert.match(out, new RegExp(`http://wiki.localhost:${port}`));
  assert.doesNotMatch(out, /\x1b\[/, 'no colours when this is not a terminal');
  const lines = out.split('\n').map((l) => l.trim()).filter((l) => l.startsWith('curl '));
  assert.ok(lines.length >= 2, out);
  assert.ok(lines.some((l) => /-H '?Host: /.test(l)), 'a Host: variant for clients that do not know *.localhost');
  const token = out.match(/TOKEN=\$\([\s\S]*?\)\n/)[0];
  for (const m of out.matchAll(/SSWS ([\w.-]+)|-u '[^:]+:([^']+)'|password (\S+)/g)) remember(m[1] ?? m[2] ?? m[3]);
  for (const line of lines) {
    const script = `${token}\n${line.replace(/^curl /, 'curl -sS -o /dev/null -w "%{http_code}" ')}`;
    assert.equal(execFileSync('bash', ['-c', script], { encoding: 'utf8' }), '200', line);
  }
  child.kill('SIGINT');
  const [code] = await new Promise((r) => child.on('close', (...a) => r(a)));
  assert.equal(code, 0);
});

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resolve(port)); });
  });
}

test('a taken port is said plainly', async () => {
  const blocker = net.createServer().listen(0, '127.0.0.1');
  await new Promise((r) => blocker.on('listening', r));
  const { port } = blocker.address();
  const { code, out, err } = await execute(['up', '--ephemeral', '--port', String(port), '--json']);
  blocker.close();
  assert.equal(code, exits.portTaken, err);
  assert.equal(out, '');
  assert.match(err, new RegExp(`${port}`));
  assert.match(err, /--port/);
});

test('a data folder that is a file is said plainly, and stays as it is', async () => {
  const file = path.join(folder('file'), 'data');
  fs.writeFileSync(file, 'mine');
  const { code, err } = await execute(['up', '--data', file, '--port', '0', '--json']);
  assert.equal(code, exits.data, err);
  assert.match(err, /data/);
  assert.equal(fs.readFileSync(file, 'utf8'), 'mine');
});

test('a data folder that cannot be written is said plainly', { skip: process.getuid() === 0 && !canDropRights() ? 'root writes everywhere' : false }, async () => {
  const data = folder('readonly');
  fs.chmodSync(data, 0o555);
  const unprivileged = process.getuid() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
  const [command, ...args] = [...unprivileged, (await import('./lib/gatehouse.js')).binary, 'up', '--data', data, '--port', '0', '--json'];
  const { spawnSync } = await import('node:child_process');
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 10000 });
  assert.equal(status, exits.data, stderr);
  assert.match(stderr, /write/);
});

function canDropRights() {
  try { execFileSync('setpriv', ['--version']); fs.accessSync('/', fs.constants.X_OK); } catch { return false; }
  // The binary itself must be reachable for another user.
  try { execFileSync('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', process.env.GATEHOUSE_BINARY ?? '../build/release/gatehouse', 'version']); return true; } catch { return false; }
}

test('a data folder of a newer version is left alone', async () => {
  const data = path.join(folder('newer'), 'house');
  await (await up({ data })).stop();
  const database = fs.readdirSync(data).find((f) => f.endsWith('.db'));
  const { DatabaseSync } = await import('node:sqlite').catch(() => ({}));
  const newer = "insert into schema_migrations (room, version, oldest_reader, applied_at) values ('directory', 9999, 9999, 0)";
  if (DatabaseSync) { const db = new DatabaseSync(path.join(data, database)); db.exec(newer); db.close(); }
  else execFileSync('python3', ['-c', 'import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit(); c.close()', path.join(data, database), newer]);
  const before = fs.readFileSync(path.join(data, database));
  const { code, err } = await execute(['up', '--data', data, '--port', '0', '--json']);
  assert.equal(code, exits.data, err);
  assert.match(err, /newer/);
  assert.deepEqual(fs.readFileSync(path.join(data, database)), before);
});

test('two programs do not share one folder', async () => {
  const data = path.join(folder('shared'), 'house');
  const first = await up({ data });
  const { code, err } = await execute(['up', '--data', data, '--port', '0', '--json']);
  assert.equal(code, exits.data, err);
  assert.match(err, /another|already|use/i);
  assert.equal((await fetch(`${first.org}/.well-known/openid-configuration`)).status, 200);
  await first.stop();
});

test('check names every fault with line, column and what to do', async () => {
  const file = path.join(folder('check'), 'gatehouse.yaml');
  fs.writeFileSync(file, 'data: ./data\nlistners:\n  - port: 8080\nlog:\n  level: debgu\nlisteners:\n  - port: 99999\n');
  const { code, err, out } = await execute(['check', '-c', file]);
  assert.equal(code, exits.configuration);
  const text = out + err;
  assert.match(text, /gatehouse\.yaml:2:1: unknown key 'listners'; did you mean 'listeners'\?/);
  assert.match(text, /gatehouse\.yaml:5:10: .*debgu.*did you mean 'debug'\?/);
  assert.match(text, /gatehouse\.yaml:7:11: .*99999/);
});

test('check of broken YAML tells where', async () => {
  const file = path.join(folder('check'), 'gatehouse.yaml');
  fs.writeFileSync(file, 'data: ./data\nlisteners: [ {port: 8080 \n');
  const { code, err } = await execute(['check', '-c', file]);
  assert.equal(code, exits.configuration);
  assert.match(err, /gatehouse\.yaml:\d+:\d+: not YAML/);
  assert.equal((await execute(['serve', '-c', file])).code, exits.configuration);
});

test('check of a good file is quiet and green', async () => {
  const dir = folder('check');
  fs.writeFileSync(path.join(dir, 'gatehouse.yaml'), 'data: ./data\nlisteners:\n  - port: 8080\n');
  const { code, out } = await execute(['check', '-c', path.join(dir, 'gatehouse.yaml')]);
  assert.equal(code, exits.ok);
  assert.match(out, /gatehouse\.yaml/);
  assert.equal(fs.existsSync(path.join(dir, 'data')), false, 'check makes nothing');
});

test('an expired certificate is said plainly, with file and date', async () => {
  const dir = folder('tls');
  execFileSync('bash', ['-c', `cd ${dir} && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=localhost -days 1 2>/dev/null && openssl x509 -in cert.pem -signkey key.pem -days -1 -out old.pem 2>/dev/null || faketime '2020-01-01' true`]);
  if (!fs.existsSync(path.join(dir, 'old.pem')) || fs.statSync(path.join(dir, 'old.pem')).size === 0) {
    execFileSync('bash', ['-c', `cd ${dir} && openssl req -new -key key.pem -subj /CN=localhost -out r.csr && mkdir -p ca && touch ca/index && echo 01 > ca/serial && printf '[ca]\\ndefault_ca=c\\n[c]\\ndatabase=ca/index\\nserial=ca/serial\\nnew_certs_dir=ca\\ndefault_md=sha256\\npolicy=p\\n[p]\\ncommonName=supplied\\n' > ca.cnf && openssl ca -batch -config ca.cnf -selfsign -keyfile key.pem -in r.csr -out old.pem -startdate 20200101000000Z -enddate 20200201000000Z -notext 2>/dev/null`]);
  }
  fs.writeFileSync(path.join(dir, 'gatehouse.yaml'), 'data: ./data\nlisteners:\n  - port: 0\n    tls: {certificate: old.pem, key: key.pem}\n');
  for (const command of ['check', 'serve']) {
    const { code, err } = await execute([command, '-c', path.join(dir, 'gatehouse.yaml')]);
    assert.equal(code, exits.configuration, err);
    assert.match(err, /old\.pem/);
    assert.match(err, /expired/);
    assert.match(err, /20\d\d-\d\d-\d\d/);
  }
});

test('PostgreSQL away is said plainly, without its password', async () => {
  const dir = folder('pg');
  const port = await freePort();
  fs.writeFileSync(path.join(dir, 'gatehouse.yaml'), 'data: ./data\ndatabase: {postgres: "env:GH_TEST_DATABASE"}\nlisteners:\n  - port: 0\n');
  const { code, err } = await execute(['serve', '-c', path.join(dir, 'gatehouse.yaml')],
    { env: { GH_TEST_DATABASE: `host=127.0.0.1 port=${port} user=gatehouse password=hunter2hunter2 dbname=gatehouse connect_timeout=3` } });
  assert.equal(code, exits.database, err);
  assert.match(err, /PostgreSQL/i);
  assert.doesNotMatch(err, /hunter2/);
});

test('wrong usage has its own exit code and a hint', async () => {
  for (const args of [['upp'], ['up', '--prot', '1'], ['serve'], ['check'], []]) {
    const { code, err } = await execute(args);
    assert.equal(code, exits.usage, args.join(' '));
    assert.match(err, /--help/);
  }
  assert.equal((await execute(['up', '--data', '/tmp/x', '--ephemeral'])).code, exits.usage);
  const help = await execute(['--help']);
  assert.equal(help.code, 0);
  for (const word of ['up', 'serve', 'check', 'version']) assert.match(help.out, new RegExp(`\\b${word}\\b`));
  assert.match((await execute(['version'])).out, /^gatehouse \d+\.\d+\.\d+/);
});

test('a seed file gives users, groups and apps, and can be given again', async () => {
  const dir = folder('seed');
  const { remember } = await import('./lib/gatehouse.js');
  const password = remember('Correct-Horse-Battery-9'), secret = remember('seeded-secret-0123456789-abcdefghij');
  fs.writeFileSync(path.join(dir, 'seed.yaml'), `
users:
  - login: grace@example.com
    first_name: Grace
    last_name: Hopper
    password_in_clear: ${password}
    groups: [Compilers]
groups:
  - name: Compilers
    description: People who write them
apps:
  - label: Nightly
    kind: service
    client_id: nightly
    client_secret_in_clear: ${secret}
    scopes: [okta.users.read]
`);
  const data = path.join(dir, 'house');
  for (const round of [1, 2]) {
    const house = await up({ data, seed: path.join(dir, 'seed.yaml') });
    const users = await (await fetch(`${house.org}/api/v1/users?q=Grace`, { headers: { Authorization: `SSWS ${house.api_token}` } })).json();
    assert.equal(users.length, 1, `round ${round}`);
    const groups = await (await fetch(`${house.org}/api/v1/users/${users[0].id}/groups`, { headers: { Authorization: `SSWS ${house.api_token}` } })).json();
    assert.deepEqual(groups.map((g) => g.profile.name).sort(), ['Compilers', 'Everyone']);
    const token = await fetch(`${house.org}/oauth2/v1/token`, {
      method: 'POST', headers: { Authorization: 'Basic ' + Buffer.from(`nightly:${secret}`).toString('base64') },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'okta.users.read' }),
    });
    assert.equal(token.status, 200);
    remember((await token.json()).access_token);
    await house.stop();
  }
});

test('a broken seed file is said plainly', async () => {
  const file = path.join(folder('seed'), 'seed.yaml');
  fs.writeFileSync(file, 'users:\n  - login: grace@example.com\n    passwrod: env:X\n');
  const { code, err } = await execute(['up', '--ephemeral', '--port', '0', '--json', '--seed', file]);
  assert.equal(code, exits.configuration);
  assert.match(err, /seed\.yaml:3:5: unknown key 'users\[0\]\.passwrod'; did you mean 'password'\?/);
});

test('SIGTERM lets a request finish; a second signal does not wait', async () => {
  const house = await up();
  const slow = net.connect(house.port, '127.0.0.1');
  slow.on('error', () => {});
  slow.write(`POST /oauth2/v1/token HTTP/1.1\r\nHost: localhost:${house.port}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 29\r\n\r\ngrant_type=`);
  await sleep(200);
  house.child.kill('SIGTERM');
  await sleep(300);
  let answer = '';
  slow.on('data', (d) => (answer += d));
  slow.write('client_credentials');
  await sleep(500);
  assert.match(answer, /^HTTP\/1\.1 (400|401) /);
  assert.equal(await house.exited, 0);

  const other = await up();
  const stuck = net.connect(other.port, '127.0.0.1');
  stuck.on('error', () => {});
  stuck.write(`POST /oauth2/v1/token HTTP/1.1\r\nHost: localhost:${other.port}\r\nContent-Length: 29\r\n\r\n`);
  await sleep(200);
  other.child.kill('SIGINT');
  await sleep(200);
  const asked = Date.now();
  other.child.kill('SIGINT');
  await other.exited;
  assert.ok(Date.now() - asked < 2000);
});

test('a program that is stopped while it still makes its RSA key ends well', async () => {
  for (let i = 0; i < 8; i += 1) {
    const house = await up();
    assert.equal(await house.stop(), 0, house.stderr());
  }
});

test('--tls makes a local authority whose certificate serves all three hosts', async () => {
  const data = path.join(folder('tls'), 'house');
  const house = await up({ data, args: ['--tls'] });
  assert.match(house.org, /^https:\/\/localhost:/);
  const ca = fs.readFileSync(house.ca ?? path.join(data, 'tls', 'ca.pem'));
  const tls = await import('node:tls');
  for (const host of ['localhost', 'wiki.localhost', 'api.localhost']) {
    const authorized = await new Promise((resolve, reject) => {
      const socket = tls.connect({ host: '127.0.0.1', port: house.port, servername: host, ca }, () => { resolve(socket.authorized); socket.end(); });
      socket.on('error', reject);
    });
    assert.equal(authorized, true, host);
  }
  const page = await new Visitor().open(`${house.wiki}/`);
  assert.equal(page.status, 200);
  assert.ok(page.url.startsWith(house.org), page.url);
  await house.stop();
});
