// What operators do to a running program: reload, upgrade the binary, start it from sockets of systemd, ask how it is.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { binary, folder, serve, sleep, up } from './lib/gatehouse.js';

let upstream;
before(async () => {
  upstream = http.createServer((request, reply) => {
    if (request.url.startsWith('/slow')) { setTimeout(() => reply.end('slow'), 1500); return; }
    reply.end('app');
  }).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
});
after(() => { upstream.closeAllConnections(); upstream.close(); });

async function freePort() {
  const s = net.createServer().listen(0, '127.0.0.1');
  await once(s, 'listening');
  const { port } = s.address();
  s.close();
  await once(s, 'close');
  return port;
}

function configText(port, { header = 'one', more = '', extra = '' } = {}) {
  return `
data: data
listeners: [{port: ${port}}]
log: {level: info, form: json}
${extra}
gateway:
  hosts:
    - host: app.test
      routes:
        - {path: /, upstream: "http://127.0.0.1:${upstream.address().port}", open: true}   # ${header}
${more}
`;
}

async function house(options = {}) {
  const dir = folder('operation');
  const port = await freePort();
  const file = path.join(dir, 'gatehouse.yaml');
  fs.writeFileSync(file, configText(port, options));
  const running = await serve(file);
  return Object.assign(running, { dir, port, file, write: (o) => { fs.writeFileSync(file + '.new', configText(port, o)); fs.renameSync(file + '.new', file); } });
}

function get(port, target, { host = 'app.test', agent, method = 'GET', headers = {} } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({ port, host: '127.0.0.1', path: target, method, agent, headers: { Host: host, ...headers } }, (reply) => {
      let body = '';
      reply.on('data', (d) => (body += d));
      reply.on('end', () => resolve({ status: reply.statusCode, body, headers: reply.headers }));
      reply.on('error', reject);
    });
    request.on('error', reject);
    request.end();
  });
}

// Requests without a pause on `clients` connections that are kept alive, until stop(): { done, faults }.
function load(port, clients = 16) {
  const result = { done: 0, faults: [] };
  let going = true;
  const agent = new http.Agent({ keepAlive: true, maxSockets: clients });
  const one = async () => {
    while (going) {
      try {
        const answer = await get(port, '/', { agent });
        if (answer.status !== 200 || answer.body !== 'app') result.faults.push(`${answer.status} ${answer.body}`);
        result.done++;
      } catch (fault) { result.faults.push(String(fault)); }
    }
  };
  const all = Array.from({ length: clients }, one);
  return { result, stop: async () => { going = false; await Promise.all(all); agent.destroy(); return result; } };
}

async function until(condition, what) {
  for (let i = 0; i < 600; i++) { if (await condition()) return; await sleep(50); }
  assert.fail(`never: ${what}`);
}
const has = (h, text) => until(() => h.log().includes(text), text);
const count = (h, text) => h.log().split(text).length - 1;

test('a reload each 100 ms under load fails no request', async () => {
  const h = await house();
  const busy = load(h.port);
  for (let i = 0; i < 20; i++) {
    h.write({ header: `round ${i}`, more: i % 2 ? '' : '    - host: second.test\n      routes: [{upstream: "http://127.0.0.1:1", open: true}]\n' });
    h.child.kill('SIGHUP');
    await sleep(100);
  }
  const { done, faults } = await busy.stop();
  assert.deepEqual(faults, []);
  assert.ok(done > 100, String(done));
  assert.ok(count(h, 'configuration.loaded') >= 15, h.stderr());
  await h.stop();
});

test('a changed file is read again, and what it says takes effect', async () => {
  const h = await house();
  assert.equal((await get(h.port, '/', { host: 'new.test' })).status, 421);
  h.write({ more: `    - host: new.test\n      routes: [{upstream: "http://127.0.0.1:${upstream.address().port}", open: true}]\n` });
  await has(h, 'configuration.loaded');
  assert.equal((await get(h.port, '/', { host: 'new.test' })).body, 'app');
  h.write({});
  await until(async () => (await get(h.port, '/', { host: 'new.test' })).status === 421, 'the host is gone again');
  await h.stop();
});

test('a bad file is refused as a whole, with the place, and the running configuration stays', async () => {
  const h = await house();
  h.write({ more: '    - host: bad.test\n      routes: [{upstream: "http://127.0.0.1:1", opne: true}]\n' });
  await has(h, 'configuration.refused');
  assert.match(h.log(), /gatehouse\.yaml:\d+:\d+: .*opne/);
  assert.equal((await get(h.port, '/')).body, 'app');
  await h.stop();
});

test('what cannot change while it runs is named', async () => {
  const h = await house();
  fs.writeFileSync(h.file, fs.readFileSync(h.file, 'utf8').replace('data: data', 'data: elsewhere'));
  await has(h, 'configuration.refused');
  assert.match(h.log(), /`data` is another one/);
  assert.equal((await get(h.port, '/')).body, 'app');
  await h.stop();
});

test('the API reloads and tells which configuration runs; nobody else may', async () => {
  const h = await up();
  const ask = (method, target, headers) => get(h.port, target, { host: `localhost:${h.port}`, method, headers });
  const token = { Authorization: `SSWS ${h.api_token}` };
  assert.equal((await ask('POST', '/gatehouse/v1/configuration/reload', {})).status, 403, 'as Okta answers who has no session');
  assert.equal((await ask('GET', '/gatehouse/v1/configuration', { Authorization: 'SSWS wrong' })).status, 401);
  const before = JSON.parse((await ask('GET', '/gatehouse/v1/configuration', token)).body);
  const answer = JSON.parse((await ask('POST', '/gatehouse/v1/configuration/reload', token)).body);
  assert.equal(answer.generation, before.generation + 1);
  await h.stop();
});

test('health and readiness, on the org and on a listener of their own', async () => {
  const own = await freePort();
  const h = await house({ extra: `operations: {port: ${own}}\nshutdown: {delay: 1s}` });
  assert.equal((await get(h.port, '/healthz', { host: 'localhost' })).status, 200);
  assert.equal((await get(h.port, '/readyz', { host: 'localhost' })).status, 200);
  assert.equal((await get(own, '/readyz', { host: 'anything' })).body, '{"status":"ready"}');
  assert.equal((await get(own, '/api/v1/users', { host: 'anything' })).status, 404);
  assert.equal((await get(h.port, '/healthz')).body, 'app', 'a guarded application keeps its own paths');
  const ended = h.stop();
  await until(async () => (await get(own, '/readyz')).status === 503, 'not ready while it leaves');
  assert.equal((await get(h.port, '/')).status, 200, 'still serving during the delay');
  assert.equal(await ended, 0);
});

test('a binary upgrade under load fails no request, and what was under way ends', async () => {
  const h = await house();
  const busy = load(h.port);
  const slow = get(h.port, '/slow');
  await sleep(300);
  h.child.kill('SIGUSR2');
  await has(h, 'upgrade.done');
  await sleep(500);
  const { done, faults } = await busy.stop();
  assert.deepEqual(faults, []);
  assert.ok(done > 100);
  assert.equal((await slow).body, 'slow');
  const successor = Number(/"process":\s*"?(\d+)/.exec(h.log().split('upgrade.done')[1])?.[1] ?? /process[":= ]+(\d+)/.exec(h.log())[1]);
  assert.notEqual(successor, h.pid);
  await until(() => { try { process.kill(h.pid, 0); return h.child.exitCode !== null; } catch { return true; } }, 'the old program leaves');
  assert.equal((await get(h.port, '/')).body, 'app', 'the successor serves');
  process.kill(successor, 'SIGUSR2');   // and can be followed itself
  await until(() => count(h, 'upgrade.done') === 2, 'a second upgrade');
  assert.equal((await get(h.port, '/')).body, 'app');
  const last = Number(/process[":= ]+(\d+)/.exec(h.log().split('upgrade.done').at(-1))[1]);
  process.kill(last, 'SIGTERM');
  await until(async () => { try { await get(h.port, '/'); return false; } catch { return true; } }, 'the last one ends');
});

test('a successor that cannot start changes nothing', async () => {
  const h = await house();
  fs.writeFileSync(h.file, 'listeners: [');
  await has(h, 'configuration.refused');
  h.child.kill('SIGUSR2');
  await has(h, 'upgrade.failed');
  assert.equal((await get(h.port, '/')).body, 'app');
  await h.stop();
});

// A process that does what systemd does for a socket unit and for Type=notify.
const systemd = `
import os, socket, sys
listener = socket.socket(); listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(('127.0.0.1', int(sys.argv[1]))); listener.listen(64)
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); path = sys.argv[2]; notify.bind(path)
print('listening', flush=True)
pid = os.fork()
if pid == 0:
    listener.set_inheritable(True)
    os.dup2(listener.fileno(), 3, inheritable=True)
    os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()), NOTIFY_SOCKET=path)
    os.execv(sys.argv[3], sys.argv[3:])
listener.close()
print(pid, flush=True)
while True:
    word = notify.recv(4096).decode()
    print(word.replace('\\n', ' '), flush=True)
    if 'STOPPING' in word: break
os.waitpid(pid, 0)
`;

test('systemd hands over its socket and hears how it goes', async () => {
  const dir = folder('systemd');
  const port = await freePort();
  const file = path.join(dir, 'gatehouse.yaml');
  fs.writeFileSync(file, configText(port));
  const manager = spawn('python3', ['-c', systemd, String(port), path.join(dir, 'notify'), binary, 'serve', '-c', file], { stdio: ['ignore', 'pipe', 'ignore'] });
  let said = '';
  manager.stdout.on('data', (d) => (said += d));
  await until(() => said.includes('listening'), 'the manager listens');
  const early = get(port, '/');           // before anybody accepts
  await until(() => said.includes('READY=1'), 'READY=1');
  assert.equal((await early).body, 'app');
  const pid = Number(/^(\d+)$/m.exec(said)[1]);
  process.kill(pid, 'SIGHUP');
  await until(() => said.includes('RELOADING=1') && said.split('READY=1').length === 3, 'reloading is told');
  process.kill(pid, 'SIGTERM');
  await until(() => said.includes('STOPPING=1'), 'stopping is told');
  await once(manager, 'close');
});

test('a socket that no listener names is refused', async () => {
  const dir = folder('systemd');
  const port = await freePort();
  fs.writeFileSync(path.join(dir, 'gatehouse.yaml'), configText(port));
  const other = net.createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const script = `import os,socket,sys\ns=socket.socket();s.bind(('127.0.0.1',0));s.listen()\ns.set_inheritable(True)\nos.dup2(s.fileno(),3,inheritable=True)\nos.environ.update(LISTEN_FDS='1',LISTEN_PID=str(os.getpid()))\nos.execv(sys.argv[1],sys.argv[1:])`;
  const child = spawn('python3', ['-c', script, binary, 'serve', '-c', path.join(dir, 'gatehouse.yaml')], { stdio: ['ignore', 'ignore', 'pipe'] });
  let err = '';
  child.stderr.on('data', (d) => (err += d));
  const [code] = await once(child, 'close');
  other.close();
  assert.equal(code, 3);
  assert.match(err, /was handed over, but no listener/);
});
