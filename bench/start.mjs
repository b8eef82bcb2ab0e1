// Start to ready, and memory at rest: median of several starts of the release binary with a store that exists.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { firstLine, median, residentMiB, start, stop, table } from './measure.mjs';
import { binary } from './gatehouse.mjs';

async function once(args) {
  const before = performance.now();
  const child = start('0-1', binary, args);
  await firstLine(child);
  const ready = performance.now() - before;
  await sleep(500);
  const memory = residentMiB(child.pid);
  await stop(child);
  return { ready, memory };
}

export async function startTimes({ smoke, quiet }) {
  const rounds = smoke ? 1 : 9;
  const data = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'));
  const rows = [];
  try {
    const kept = ['up', '--port', '0', '--data', data, '--json'];
    const first = await once(kept);
    rows.push({ what: 'first start (makes keys and accounts)', ready: first.ready, memory: first.memory });
    const again = [];
    for (let i = 0; i < rounds; i += 1) again.push(await once(kept));
    rows.push({ what: 'second start', ready: median(again.map((r) => r.ready)), memory: median(again.map((r) => r.memory)) });
    const ephemeral = [];
    for (let i = 0; i < rounds; i += 1) ephemeral.push(await once(['up', '--port', '0', '--ephemeral', '--json']));
    rows.push({ what: 'ephemeral', ready: median(ephemeral.map((r) => r.ready)), memory: median(ephemeral.map((r) => r.memory)) });
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
  if (!quiet) {
    table(`Start to ready and memory at rest (median of ${rounds})`, ['', 'ready, ms', 'resident, MiB', 'bar'],
      rows.map((r) => [r.what, r.ready.toFixed(0), r.memory.toFixed(1), '300 ms, 60 MiB']));
  }
  return rows;
}
