// CPU time of processes, interleaved slices, medians, and a table. Wall-clock time is not quoted: these machines are shared.
import { readFileSync, readdirSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';

// CPU nanoseconds that all threads of a process (and of its children) have used.
export function cpuNanos(pid) {
  let total = 0n;
  for (const id of [pid, ...childrenOf(pid)]) {
    for (const task of readdirSync(`/proc/${id}/task`)) {
      try {
        total += BigInt(readFileSync(`/proc/${id}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
      } catch { /* the thread has just ended */ }
    }
  }
  return total;
}

function childrenOf(pid) {
  try {
    const direct = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
    return direct.flatMap((child) => [child, ...childrenOf(child)]);
  } catch {
    return [];
  }
}

export function residentMiB(pid, withChildren = false) {
  const all = withChildren ? [pid, ...childrenOf(pid)] : [pid];
  return all.reduce((sum, id) => sum + Number(readFileSync(`/proc/${id}/status`, 'utf8').match(/VmRSS:\s+(\d+) kB/)[1]) / 1024, 0);
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

// Alternates slices of the subjects `rounds` times, after `warmups` rounds that are not counted. Each subject: {name, pid,
// slice: async () => count of units done}. Returns {name: [CPU microseconds per unit, a number a round]}. On a busy machine the
// load generator may not have had its turn in a whole slice: such a slice goes on until something was done.
export async function interleave(subjects, rounds, warmups = 1) {
  const costs = Object.fromEntries(subjects.map(({ name }) => [name, []]));
  for (let round = -warmups; round < rounds; round += 1) {
    for (const { name, pid, slice } of subjects) {
      const before = cpuNanos(pid);
      let units = 0;
      for (let tries = 0; tries < 10 && !(units > 0); tries += 1) units = await slice();
      if (!(units > 0)) throw new Error(`${name}: a slice did nothing`);
      if (round >= 0) costs[name].push(Number(cpuNanos(pid) - before) / 1000 / units);
    }
  }
  return costs;
}

// Round-wise ratios a/b: noise of the machine hits both halves of a pair.
export function ratios(a, b) {
  const each = a.map((value, i) => value / b[i]);
  return { median: median(each), least: Math.min(...each), most: Math.max(...each) };
}

export function table(title, head, rows) {
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => String(row[i]).length)));
  const line = (cells) => cells.map((cell, i) => (i === 0 ? String(cell).padEnd(widths[i]) : String(cell).padStart(widths[i]))).join('  ');
  const bold = process.stdout.isTTY ? (text) => `\x1b[1m${text}\x1b[0m` : (text) => text;
  console.log(`\n${bold(title)}\n${line(head)}\n${widths.map((w) => '-'.repeat(w)).join('  ')}\n${rows.map(line).join('\n')}`);
}

// Starts a program on one CPU (or several, "0-1") and gives its process and its lines.
export function start(cpus, command, args, options = {}) {
  return spawn('taskset', ['-c', cpus, command, ...args], { stdio: ['ignore', 'pipe', options.quiet === false ? 'inherit' : 'ignore'], ...options });
}

// A port that nobody has now.
export const freePort = () => new Promise((resolve) => {
  const probe = createServer().listen(0, '127.0.0.1', () => {
    const { port } = probe.address();
    probe.close(() => resolve(port));
  });
});

// The JSON line that says "ready"; what else a program says on standard output (oidc-provider warns there) is passed over.
export function firstLine(child) {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (piece) => {
      text += piece;
      const ready = text.split('\n').slice(0, -1).find((line) => line.startsWith('{'));
      if (ready) resolve(ready);
    });
    child.once('exit', (code) => reject(new Error(`ended with ${code} before it was ready`)));
  });
}

export const stop = (child) => new Promise((resolve) => {
  if (child.exitCode !== null) return resolve();
  child.once('exit', resolve);
  child.kill('SIGTERM');
});
