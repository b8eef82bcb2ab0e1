// Gatehouse and its peers, configured alike, for the gateway's benchmark: CPU 0 has whoever is measured, with one loop or worker;
// CPU 1 the upstream (nginx) and the load.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { binary } from './gatehouse.mjs';
import { firstLine, start, stop } from './measure.mjs';
import { audience, issuerWithTokens } from './peers/issuer.mjs';

const nginx = '/usr/sbin/nginx', haproxy = '/usr/sbin/haproxy', apache = '/usr/sbin/apache2';
const apacheModule = '/usr/lib/apache2/modules/mod_auth_openidc.so';
const kept = fileURLToPath(new URL('../build/bench', import.meta.url));
const bigBytes = 10 * 1024 * 1024;
let nextPort = 20000 + Math.floor(Math.random() * 10000);
const freePort = () => (nextPort += 1);

function fill(name, folder, ports) {
  let text = readFileSync(new URL(`peers/${name}`, import.meta.url), 'utf8');
  for (const [key, value] of Object.entries({ FOLDER: folder, BODY: 'x'.repeat(1024), ...ports })) text = text.replaceAll(key, String(value));
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

function accepted(file) {
  try {
    execFileSync(binary, ['check', '-c', file], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

// The routes that this build does not know are left out, and the rows that need them with them.
function gatehouseConfig(folder, ports, issuer) {
  const upstream = `http://127.0.0.1:${ports.UPSTREAM}`;
  const route = (host, access) => `    - host: ${host}.localhost\n      routes:\n        - {path: /, upstream: "${upstream}", ${access}}\n`;
  const head = `data: ${folder}/data
listeners:
  - {port: ${ports.OURS}}
  - {port: ${ports.OURS_TLS}, tls: {certificate: ${folder}/tls.pem, key: ${folder}/tls.key}}
org: {hosts: ["127.0.0.1"]}
log: {level: error}
gateway:
  hosts:
`;
  const always = route('plain', 'open: true') + `        - {path: /upload, upstream: "http://127.0.0.1:${ports.SINK}", open: true}\n`
    + route('token', `token: {issuer: "${issuer}", audience: "${audience}", scopes: ["orders:read"]}`)
    + route('wiki', `sign_in: {issuer: "${issuer}", client_id: bench, client_secret: "file:${folder}/secret", headers: {X-Remote-User: preferred_username, X-Remote-Email: email}}`);
  const opaque = route('opaque', `token: {issuer: "${issuer}", audience: "${audience}", scopes: ["orders:read"], introspection: {client_id: bench, client_secret: "file:${folder}/secret"}}`);
  writeFileSync(join(folder, 'secret'), 'bench-secret', { mode: 0o600 });
  const file = join(folder, 'gatehouse.yaml');
  writeFileSync(file, head + always + opaque);
  const introspects = accepted(file);
  if (!introspects) writeFileSync(file, head + always);
  return { file, introspects };
}

function certificate(folder) {
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30', '-subj', '/CN=plain.localhost',
    '-addext', 'subjectAltName=DNS:plain.localhost,IP:127.0.0.1', '-keyout', join(folder, 'tls.key'), '-out', join(folder, 'tls.pem')], { stdio: 'ignore' });
  chmodSync(join(folder, 'tls.key'), 0o600);
}

// {ours, nginx, haproxy, apache, ports, …, close()}. haproxy and apache are undefined where they are not installed.
export async function subjects({ tokens }) {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'));
  chmodSync(folder, 0o755);
  const ports = Object.fromEntries(['UPSTREAM', 'SINK', 'NGINX_HTTP', 'NGINX_TLS', 'OURS', 'OURS_TLS', 'HAPROXY_PLAIN', 'HAPROXY_TOKEN', 'APACHE'].map((name) => [name, freePort()]));
  const tokenFile = join(kept, 'tokens.txt');
  const { issuer, tokens: made } = issuerWithTokens(freePort(), tokens, tokenFile);
  writeFileSync(join(folder, 'issuer.pem'), issuer.publicPem);
  writeFileSync(join(folder, 'big'), Buffer.alloc(bigBytes, 'x'));
  writeFileSync(join(folder, 'tokens.txt'), `${made.join('\n')}\n`);
  certificate(folder);
  await issuer.listen();
  const filled = { ...ports, ISSUER: issuer.url };
  const running = [];
  const run = (cpu, command, args, options) => {
    const child = start(cpu, command, args, options);
    running.unshift(child);
    return child;
  };
  const close = async () => {
    for (const child of running) await stop(child);   // the newest first: the upstream goes last
    issuer.close();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    run('1', nginx, ['-c', fill('nginx_upstream.conf', folder, filled)]);
    run('1', 'node', [fileURLToPath(new URL('peers/sink.mjs', import.meta.url)), String(ports.SINK)]);
    const them = { nginx: run('0', nginx, ['-c', fill('nginx_proxy.conf', folder, filled)]) };
    if (existsSync(haproxy)) them.haproxy = run('0', haproxy, ['-db', '-f', fill('haproxy.cfg', folder, filled)]);
    if (existsSync(apache) && existsSync(apacheModule)) them.apache = run('0', apache, ['-DFOREGROUND', '-f', fill('apache.conf', folder, filled)]);
    const { file, introspects } = gatehouseConfig(folder, ports, issuer.url);
    const ours = run('0', binary, ['serve', '-c', file, '--json'], { quiet: false });
    await firstLine(ours);
    await sleep(500);
    return { ...them, ours, ports, issuer, introspects, tokenFile: join(folder, 'tokens.txt'), tokenCount: made.length, close };
  } catch (error) {
    await close();
    throw error;
  }
}
