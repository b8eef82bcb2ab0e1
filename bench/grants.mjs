// Client-credentials and refresh grants: CPU time per grant beside npm oidc-provider in the same run. Ours keeps its state
// in a file with a sync per group; the peer's is in memory. Same token format (JWT), same algorithm on both sides.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash, randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Visitor } from '../tests/lib/visitor.js';
import { up } from './gatehouse.mjs';
import { firstLine, interleave, median, ratios, start, stop, table, freePort } from './measure.mjs';

const peer = fileURLToPath(new URL('peers/oidc_provider.mjs', import.meta.url));
const loader = fileURLToPath(new URL('load.mjs', import.meta.url));
const basic = (id, secret) => `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`;
const connections = 32;
const scope = 'orders:read';

// `count` refresh tokens through the front door: one sign-in, then an authorization request for each.
async function refreshTokens(info, count) {
  const { client_id, client_secret, redirect_uri } = info.clients.web;
  const visitor = new Visitor();
  const tokens = [];
  const reached = (address) => address.startsWith(redirect_uri);
  while (tokens.length < count) {
    const verifier = randomBytes(32).toString('base64url');
    const ask = new URLSearchParams({
      client_id, redirect_uri, response_type: 'code', scope: 'openid offline_access', state: randomBytes(8).toString('hex'),
      code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256',
    });
    let page = await visitor.open(`${info.org}/oauth2/default/v1/authorize?${ask}`, {}, reached);
    if (!page.stopped) page = await visitor.signIn(page, info.user, reached);
    const code = new URL(page.stopped).searchParams.get('code');
    const answer = await visitor.send(`${info.org}/oauth2/default/v1/token`, {
      method: 'POST', body: new URLSearchParams({ grant_type: 'authorization_code', code, redirect_uri, code_verifier: verifier }).toString(),
      headers: { Authorization: basic(client_id, client_secret), 'Content-Type': 'application/x-www-form-urlencoded' },
    });
    if (answer.status !== 200) throw new Error(`no refresh token: ${answer.status} ${answer.body}`);
    tokens.push(JSON.parse(answer.body).refresh_token);
  }
  return tokens;
}

// A loader beside a server: slice() makes it work for some seconds and gives the number of grants.
async function load(endpoint, authorization, grant, what) {
  const child = spawn('taskset', ['-c', '1', 'node', loader, endpoint, authorization, String(connections), grant, what], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  return {
    slice: async (seconds) => {
      child.stdin.write(`${JSON.stringify({ seconds })}\n`);
      const { done, failed } = JSON.parse((await lines.next()).value);
      if (failed > 0) throw new Error(`${endpoint}: ${failed} of ${done + failed} ${grant} requests failed`);
      return done;
    },
    end: () => child.stdin.end(),
  };
}

async function sides(alg, folder, count) {
  const seed = join(folder, `seed-${alg}.yaml`);
  writeFileSync(seed, `authorization_servers:\n  - id: default\n    audience: api://default\n    signing_alg: ${alg}\n    scopes:\n      - name: ${scope}\n        default: true\n`);
  const ours = await up('0', ['--data', join(folder, `data-${alg}`), '--seed', seed, '--log-level', 'warn']);
  const port = await freePort();
  const theirs = start('0', 'node', [peer, String(port), alg, String(count)]);
  return { ours, theirs, facts: JSON.parse(await firstLine(theirs)) };
}

async function compare(alg, grant, { ours, theirs, facts }, folder, { rounds, seconds, count }) {
  const { service, web } = ours.info.clients;
  let mine, other;
  if (grant === 'client_credentials') {
    mine = await load(`${ours.info.org}/oauth2/default/v1/token`, basic(service.client_id, service.client_secret), grant, scope);
    other = await load(facts.token_endpoint, basic(facts.client_id, facts.client_secret), grant, scope);
  } else {
    const [a, b] = [join(folder, `${alg}-ours`), join(folder, `${alg}-theirs`)];
    writeFileSync(a, (await refreshTokens(ours.info, count)).join('\n'));
    writeFileSync(b, facts.refresh_tokens.join('\n'));
    mine = await load(`${ours.info.org}/oauth2/default/v1/token`, basic(web.client_id, web.client_secret), grant, a);
    other = await load(facts.token_endpoint, basic(facts.client_id, facts.client_secret), grant, b);
  }
  const costs = await interleave([
    { name: 'ours', pid: ours.child.pid, slice: () => mine.slice(seconds) },
    { name: 'peer', pid: theirs.pid, slice: () => other.slice(seconds) },
  ], rounds);
  mine.end();
  other.end();
  const ratio = ratios(costs.peer, costs.ours);
  return { alg, grant, ours_us: median(costs.ours), peer_us: median(costs.peer), ratio: ratio.median, least: ratio.least, most: ratio.most };
}

export async function grants({ smoke, quiet }) {
  const how = smoke ? { rounds: 1, seconds: 0.3, count: 40 } : { rounds: 8, seconds: 1, count: 64 };
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'));
  const rows = [];
  try {
    for (const alg of smoke ? ['ES256'] : ['ES256', 'RS256']) {
      const both = await sides(alg, folder, how.count);
      try {
        for (const grant of ['client_credentials', 'refresh_token']) rows.push(await compare(alg, grant, both, folder, how));
      } finally {
        await Promise.all([stop(both.ours.child), stop(both.theirs)]);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (!quiet) {
    table(`Grants: CPU microseconds each, beside npm oidc-provider (${how.rounds} interleaved pairs of ${how.seconds} s, ${connections} connections)`,
      ['grant', 'alg', 'ours', 'oidc-provider', 'grants/CPU-s ours', 'times the peer (min-max)', 'bar'],
      rows.map((r) => [r.grant, r.alg, r.ours_us.toFixed(0), r.peer_us.toFixed(0), (1e6 / r.ours_us).toFixed(0), `${r.ratio.toFixed(2)} (${r.least.toFixed(2)}-${r.most.toFixed(2)})`, '3.00']));
  }
  return rows;
}
