// The gateway beside its peers: CPU seconds per request as a ratio to nginx as plain proxy, in interleaved slices (HTTP/1.1
// keep-alive, 1 KiB, 64 connections, one core each); HTTP/2 and large bodies beside nginx doing the same; latency at a steady
// rate; memory of idle connections; system calls per request. What this build or this machine cannot do is named, not guessed.
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { h2load, idle, latencies, signedIn, speaksH2, wrk } from './load_http.mjs';
import { interleave, median, ratios, residentMiB, stop, table } from './measure.mjs';
import { opaque } from './peers/issuer.mjs';
import { subjects } from './subjects.mjs';

const tokensPerSlice = 22_000;
const latencyRate = 4_000;   // requests a second: less than a tenth of what one core does
const idleConnections = 4_000;

// Rows of one table share their base, the first one.
const plain = (s, seconds) => {
  const bearer = [`Authorization: Bearer ${s.issuer.token()}`];
  let spent = 0;
  const unseen = async (port, host) => {
    const share = { file: s.tokenFile, from: spent, count: Math.min(tokensPerSlice, Math.floor(s.tokenCount / (s.rounds + 1))) };
    spent += share.count;
    return wrk({ port, host, seconds, tokens: share });
  };
  const row = (name, child, port, host, headers = []) => child && { name, pid: child.pid, port, host, headers, slice: () => wrk({ port, host, headers, seconds }) };
  return [
    row('nginx, plain', s.nginx, s.ports.NGINX_HTTP, 'plain.localhost'),
    row('Gatehouse, plain', s.ours, s.ports.OURS, 'plain.localhost'),
    row('Gatehouse, RS256 token seen before', s.ours, s.ports.OURS, 'token.localhost', bearer),
    { name: 'Gatehouse, RS256 token never seen', pid: s.ours.pid, slice: () => unseen(s.ports.OURS, 'token.localhost') },
    row('Gatehouse, opaque token, introspection cached', s.introspects && s.ours, s.ports.OURS, 'opaque.localhost', [`Authorization: Bearer ${opaque}`]),
    row('Gatehouse, browser session, two headers injected', s.ours, s.ports.OURS, 'wiki.localhost', [`Cookie: ${s.ourCookie}`]),
    row('HAProxy, plain', s.haproxy, s.ports.HAPROXY_PLAIN, 'plain.localhost'),
    row('HAProxy, jwt_verify RS256', s.haproxy, s.ports.HAPROXY_TOKEN, 'token.localhost', bearer),
    row('Apache mod_auth_openidc, RS256 token seen before', s.apache, s.ports.APACHE, 'token.localhost', bearer),
    row('Apache mod_auth_openidc, browser session', s.apache, s.ports.APACHE, `wiki.localhost:${s.ports.APACHE}`, [`Cookie: ${s.apacheCookie}`]),
  ].filter(Boolean);
};

const large = (s, seconds) => ['download', 'upload'].map((way) => {
  const slice = (port) => () => wrk({ port, host: 'plain.localhost', seconds, connections: 8, path: way === 'download' ? '/big' : '/upload', upload: way === 'upload' });
  return [
    { name: `nginx, 10 MiB ${way}`, pid: s.nginx.pid, slice: slice(s.ports.NGINX_HTTP) },
    { name: `Gatehouse, 10 MiB ${way}`, pid: s.ours.pid, slice: slice(s.ports.OURS) },
  ];
});

const http2 = (s, seconds) => [
  { name: 'nginx, TLS and HTTP/2', pid: s.nginx.pid, slice: () => h2load({ port: s.ports.NGINX_TLS, host: 'plain.localhost', seconds }) },
  { name: 'Gatehouse, TLS and HTTP/2', pid: s.ours.pid, slice: () => h2load({ port: s.ports.OURS_TLS, host: 'plain.localhost', seconds }) },
];

async function compare(list, rounds) {
  const costs = await interleave(list, rounds, rounds > 1 ? 1 : 0);
  const base = costs[list[0].name];
  return list.map(({ name }) => ({ name, cpu_us: median(costs[name]), ...ratios(costs[name], base) }))
    .map(({ median: ratio, ...rest }) => ({ ...rest, ratio }));
}

const at = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];

async function latencyOf(list, smoke) {
  const rows = [];
  for (const row of list.filter(({ port }) => port)) {
    const sorted = await latencies({ ...row, seconds: smoke ? 1 : 4, perSecond: latencyRate });
    rows.push({ name: row.name, p50_us: Math.round(at(sorted, 0.5)), p99_us: Math.round(at(sorted, 0.99)) });
  }
  return rows;
}

// Twice the same number of connections: the first fill warms what is kept for all, the second shows what one more costs.
async function memoryOf(list, smoke) {
  const count = smoke ? 200 : idleConnections;
  const rows = [];
  for (const { name, child, port } of list) {
    const first = await idle(port, 'plain.localhost', count);
    await sleep(500);
    const before = residentMiB(child.pid, true);
    const second = await idle(port, 'plain.localhost', count);
    await sleep(500);
    rows.push({ name, kib_per_idle: (residentMiB(child.pid, true) - before) * 1024 / count });
    first();
    second();
    await sleep(500);
  }
  return rows;
}

// strace counts, and makes everything slow: the number of requests is counted in the same slice.
async function syscallsOf(list, smoke) {
  if (!existsSync('/usr/bin/strace')) return [];
  const rows = [];
  for (const { name, pid, slice } of list) {
    const target = await busiest(pid);
    const tracer = spawn('strace', ['-f', '-c', '-p', String(target)], { stdio: ['ignore', 'ignore', 'pipe'] });
    let text = '';
    tracer.stderr.on('data', (piece) => { text += piece; });
    await sleep(300);
    const requests = await slice();
    const ended = new Promise((resolve) => { tracer.once('close', resolve); });
    tracer.kill('SIGINT');
    await ended;
    const calls = [...text.matchAll(/^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$/gm)]
      .map(([, count, call]) => ({ call, each: Number(count) / requests })).filter(({ call, each }) => call !== 'total' && each >= 0.005);
    rows.push({ name, total: calls.reduce((sum, { each }) => sum + each, 0), calls });
    if (smoke && requests === 0) throw new Error(`${name}: nothing happened under strace`);
  }
  return rows;
}

// The worker of a server with a master process.
const busiest = (pid) => new Promise((resolve) => {
  execFile('pgrep', ['-P', String(pid)], (error, stdout) => resolve(error ? pid : Number(stdout.trim().split('\n')[0])));
});

function show(figures, rounds) {
  const ratioRows = (rows) => rows.map((r) => [r.name, r.cpu_us.toFixed(1), `${r.ratio.toFixed(2)} (${r.least.toFixed(2)}-${r.most.toFixed(2)})`]);
  const head = ['', 'CPU µs', 'ratio to the first (min-max)'];
  table(`Proxying, 1 KiB, 64 connections (median of ${rounds} interleaved slices)`, head, ratioRows(figures.plain));
  if (figures.http2.length > 0) table('TLS and HTTP/2 downstream, 16 connections with 8 streams', head, ratioRows(figures.http2));
  table('Large bodies, 8 connections', head, figures.large.flatMap(ratioRows));
  table(`Latency at ${latencyRate} requests a second, µs`, ['', 'p50', 'p99'], figures.latency.map((r) => [r.name, r.p50_us, r.p99_us]));
  table('Idle connections', ['', 'KiB each'], figures.memory.map((r) => [r.name, r.kib_per_idle.toFixed(1)]));
  table('System calls per request', ['', 'all', 'each'], figures.syscalls.map((r) => [r.name, r.total.toFixed(2), r.calls.map((c) => `${c.call} ${c.each.toFixed(2)}`).join(', ')]));
  if (figures.missing.length > 0) console.log(`\nNot measured: ${figures.missing.join('; ')}.`);
}

export async function gateway({ smoke, quiet, only = process.env.GATEHOUSE_BENCH_ROWS }) {
  const [rounds, seconds] = [smoke ? 1 : Number(process.env.GATEHOUSE_BENCH_ROUNDS ?? 8), 1];
  const s = { rounds, ...await subjects({ tokens: smoke ? 400 : 200_000 }) };
  try {
    s.ourCookie = await signedIn('wiki.localhost', s.ports.OURS);
    if (s.apache) s.apacheCookie = await signedIn('wiki.localhost', s.ports.APACHE);
    const missing = [];
    if (!s.introspects) missing.push('opaque tokens: this build knows no introspection');
    if (!s.haproxy) missing.push('HAProxy is not installed');
    if (!s.apache) missing.push('Apache with mod_auth_openidc is not installed');
    const h2 = await speaksH2(s.ports.OURS_TLS);
    if (!h2) missing.push('HTTP/2: this build does not speak it');
    const list = plain(s, seconds).filter((row, i) => i === 0 || !only || new RegExp(only).test(row.name));
    const figures = { plain: await compare(list, rounds), http2: [], large: [], latency: [], memory: [], syscalls: [], missing };
    if (!only) {
      if (h2) figures.http2 = await compare(http2(s, seconds), rounds);
      for (const pair of large(s, seconds)) figures.large.push(await compare(pair, Math.min(rounds, 5)));
      figures.latency = await latencyOf(list, smoke);
      figures.memory = await memoryOf([{ name: 'nginx', child: s.nginx, port: s.ports.NGINX_HTTP }, { name: 'Gatehouse', child: s.ours, port: s.ports.OURS }], smoke);
      figures.syscalls = await syscallsOf(list.filter(({ name }) => /plain|seen before|session/.test(name) && !/Apache/.test(name)), smoke);
    }
    if (!quiet) show(figures, rounds);
    return figures;
  } finally {
    await s.close();
  }
}
