// Starts the real program and collects everything that it says.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after } from 'node:test';
import { remember, root, run } from './remember.js';

export const binary = process.env.GATEHOUSE_BINARY ?? path.join(root, 'build/release/gatehouse');
export { remember, run };
export const screenshots = path.join(root, 'build/screenshots');
fs.mkdirSync(screenshots, { recursive: true });

const suite = path.basename(process.argv[1] ?? 'adhoc', '.test.js');
let started = 0;

// A test that failed leaves nothing running behind.
const children = new Set();
after(() => { setTimeout(() => { for (const child of children) child.kill('SIGKILL'); }, 5000).unref(); });

export function folder(name) {
  return fs.mkdtempSync(path.join(os.tmpdir(), `gatehouse-${name}-`));
}

// Runs to the end: { code, out, err }.
export async function execute(args, { env = {}, timeout = 20000, cwd } = {}) {
  const child = spawn(binary, args, { env: { ...process.env, ...env }, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '', err = '';
  child.stdout.on('data', (d) => (out += d));
  child.stderr.on('data', (d) => (err += d));
  const timer = setTimeout(() => child.kill('SIGKILL'), timeout);
  const [code, signal] = await once(child, 'close');
  clearTimeout(timer);
  return { code: code ?? signal, out, err };
}

// `gatehouse up` on a free port (unless told), at debug level. Resolves when it is ready.
export async function up({ data, port = 0, seed, args = [], env = {}, wrap = [] } = {}) {
  const all = [...wrap, binary, 'up', '--port', String(port), '--json', '--log-level', 'debug'];
  if (data) all.push('--data', data); else all.push('--ephemeral');
  if (seed) all.push('--seed', seed);
  all.push(...args);
  return launch(all, env);
}

export async function serve(config, { env = {}, wrap = [] } = {}) {
  return launch([...wrap, binary, 'serve', '-c', config, '--json'], env);
}

async function launch([command, ...args], env) {
  const logFile = path.join(run, `${suite}-${process.pid}-${++started}.log`);
  const log = fs.createWriteStream(logFile);
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  child.once('exit', () => children.delete(child));
  let err = '';
  child.stderr.on('data', (d) => { err = (err + d).slice(-65536); log.write(d); });
  const lines = createInterface({ input: child.stdout });
  const house = { child, pid: child.pid, logFile, more: [], stderr: () => err, log: () => fs.readFileSync(logFile, 'utf8') };
  house.exited = once(child, 'close').then(([code, signal]) => { log.end(); return code ?? signal; });

  const first = await Promise.race([once(lines, 'line').then(([l]) => l), house.exited.then((c) => { throw new Error(`gatehouse ended with ${c}: ${err}`); })]);
  lines.on('line', (l) => { house.more.push(l); log.write(l + '\n'); });
  house.line = first;
  Object.assign(house, JSON.parse(first));
  house.port = Number(new URL(house.org).port || (house.org.startsWith('https') ? 443 : 80));
  remember(house.admin?.password, house.user?.password, house.api_token, house.clients?.web?.client_secret, house.clients?.service?.client_secret);
  house.stop = async (signal = 'SIGTERM') => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return house.exited;
  };
  house.kill = () => house.stop('SIGKILL');
  return house;
}

export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
