// Proxying, plain and with an RS256 token check, beside nginx as plain proxy: CPU seconds per 100,000 requests, HTTP/1.1
// keep-alive, 1 KiB answers, 64 connections. CPU 0 has the subject with one loop, CPU 1 the upstream (nginx) and wrk.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { binary } from './gatehouse.mjs';
import { firstLine, interleave, median, ratios, start, stop, table } from './measure.mjs';

const run = promisify(execFile);
const nginx = '/usr/sbin/nginx';
const freePort = () => 20000 + Math.floor(Math.random() * 20000);

function nginxConfig(name, folder, ports) {
  let text = readFileSync(new URL(`peers/${name}.conf`, import.meta.url), 'utf8');
  for (const [key, value] of Object.entries({ FOLDER: folder, BODY: 'x'.repeat(1024), ...ports })) text = text.replaceAll(key, value);
  const file = join(folder, `${name}.conf`);
  writeFileSync(file, text);
  return file;
}

function gatehouseConfig(folder, ports) {
  writeFileSync(join(folder, 'secret'), 'bench-secret-bench-secret-bench-secret');
  chmodSync(join(folder, 'secret'), 0o600);
  writeFileSync(join(folder, 'seed.yaml'), `apps:
  - label: Bench
    client_id: bench
    kind: service
    client_secret: file:${folder}/secret
    grant_types: [client_credentials]
authorization_servers:
  - id: default
    audience: api://default
    scopes: [{name: "orders:read", default: true}]
`);
  const file = join(folder, 'gatehouse.yaml');
  const upstream = `http://127.0.0.1:${ports.UPSTREAM}`;
  writeFileSync(file, `data: ${folder}/data
listeners: [{port: ${ports.OURS}}]
org: {hosts: ["127.0.0.1"]}
log: {level: warn}
seed: seed.yaml
gateway:
  hosts:
    - host: plain.localhost
      routes: [{path: /, upstream: "${upstream}", open: true}]
    - host: token.localhost
      routes: [{path: /, upstream: "${upstream}", token: {issuer: "http://127.0.0.1:${ports.OURS}/oauth2/default", audience: "api://default", scopes: ["orders:read"]}}]
`);
  return file;
}

async function token(org) {
  const answer = await fetch(`${org}/oauth2/default/v1/token`, {
    method: 'POST', body: 'grant_type=client_credentials&scope=orders:read',
    headers: { authorization: `Basic ${Buffer.from('bench:bench-secret-bench-secret-bench-secret').toString('base64')}`, 'content-type': 'application/x-www-form-urlencoded' },
  });
  if (answer.status !== 200) throw new Error(`no token: ${answer.status} ${await answer.text()}`);
  return (await answer.json()).access_token;
}

// wrk for some seconds on CPU 1; the number of requests that were answered with 200, or an error.
async function wrk(port, seconds, headers) {
  const args = ['-c', '1', 'wrk', '-t1', '-c64', `-d${seconds}s`];
  for (const header of headers) args.push('-H', header);
  const { stdout } = await run('taskset', [...args, `http://127.0.0.1:${port}/`]);
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`port ${port}: ${stdout}`);
  return Number(stdout.match(/(\d+) requests in/)[1]);
}

export async function proxy({ smoke, quiet }) {
  const [rounds, seconds] = smoke ? [1, 2] : [8, 1];   // a busy machine may leave wrk one second without its turn
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'));
  chmodSync(folder, 0o755);
  const ports = { UPSTREAM: freePort(), PROXY: freePort(), OURS: freePort() };
  const upstream = start('1', nginx, ['-c', nginxConfig('nginx_upstream', folder, ports)]);
  const peer = start('0', nginx, ['-c', nginxConfig('nginx_proxy', folder, ports)]);
  const ours = start('0', binary, ['serve', '-c', gatehouseConfig(folder, ports), '--json'], { quiet: false });
  let rows;
  try {
    await firstLine(ours);
    await sleep(300);
    const bearer = await token(`http://127.0.0.1:${ports.OURS}`);
    const costs = await interleave([
      { name: 'nginx, plain', pid: peer.pid, slice: () => wrk(ports.PROXY, seconds, []) },
      { name: 'Gatehouse, plain', pid: ours.pid, slice: () => wrk(ports.OURS, seconds, ['Host: plain.localhost']) },
      { name: 'Gatehouse, RS256 token seen before', pid: ours.pid, slice: () => wrk(ports.OURS, seconds, ['Host: token.localhost', `Authorization: Bearer ${bearer}`]) },
    ], rounds);
    rows = Object.entries(costs).map(([name, each]) => ({ name, cpu_s_per_100k: median(each) / 10, ...ratios(each, costs['nginx, plain']) }))
      .map(({ median: ratio, ...rest }) => ({ ...rest, ratio }));
  } finally {
    await stop(ours);   // first, so that it does not complain of an upstream that went away
    await Promise.all([stop(peer), stop(upstream)]);
    rmSync(folder, { recursive: true, force: true });
  }
  if (!quiet) {
    table(`Proxying, 1 KiB, 64 connections (median of ${rounds} interleaved rounds of ${seconds} s)`,
      ['', 'CPU-s per 100k', 'ratio to nginx plain (min-max)'],
      rows.map((r) => [r.name, r.cpu_s_per_100k.toFixed(2), `${r.ratio.toFixed(2)} (${r.least.toFixed(2)}-${r.most.toFixed(2)})`]));
  }
  return rows;
}
