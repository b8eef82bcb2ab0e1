// Load on the gateway's benchmark subjects, always from CPU 1: wrk for HTTP/1.1, h2load for HTTP/2, sockets of our own for
// latency at a steady rate and for connections that say nothing. Whatever is not answered with 200 is an error, never a figure.
import { execFile } from 'node:child_process';
import http from 'node:http';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const script = (name) => fileURLToPath(new URL(`peers/${name}.lua`, import.meta.url));

// Requests that wrk had answered. `tokens`: {file, from, count}, each line of the file shown once.
export async function wrk({ port, host, headers = [], seconds, path = '/', connections = 64, tokens, upload }) {
  const args = ['-c', '1', 'wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '-H', `Host: ${host}`];
  for (const header of headers) args.push('-H', header);
  if (tokens) args.push('-s', script('wrk_tokens'));
  if (upload) args.push('-s', script('wrk_upload'));
  args.push(`http://127.0.0.1:${port}${path}`);
  if (tokens) args.push('--', tokens.file, String(tokens.from), String(tokens.count));
  const { stdout } = await run('taskset', args);
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`port ${port}, ${host}: ${stdout}`);
  return Number(stdout.match(/(\d+) requests in/)[1]);
}

// h2load reports what was negotiated; a server that fell back to HTTP/1.1 was not measured.
export async function h2load({ port, host, seconds, connections = 16, streams = 8 }) {
  const args = ['-c', '1', 'h2load', `-c${connections}`, `-m${streams}`, `-D${seconds}`, '-H', `:authority: ${host}`, `https://127.0.0.1:${port}/`];
  const { stdout } = await run('taskset', args);
  if (!/Application protocol: h2/.test(stdout)) throw new Error(`port ${port} does not speak HTTP/2: ${stdout}`);
  const [, done, failed] = stdout.match(/requests: .*?(\d+) done, .*?(\d+) failed/);
  const good = Number(stdout.match(/status codes: (\d+) 2xx/)[1]);
  if (Number(failed) > 0 || good === 0) throw new Error(`port ${port}, ${host}: ${stdout}`);
  return Math.min(Number(done), good);
}

export async function speaksH2(port) {
  try {
    return /Application protocol: h2/.test((await run('h2load', ['-c1', '-m1', '-n1', `https://127.0.0.1:${port}/`])).stdout);
  } catch {
    return false;
  }
}

// Microseconds of each answer at a steady rate over 64 connections, sorted: all subjects get the same rate, far below what they
// can do. Answers of one subject are of one size, so the first tells when the others are whole.
export async function latencies({ port, host, headers = [], seconds, perSecond }) {
  const request = `GET / HTTP/1.1\r\nHost: ${host}\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`;
  const micros = [], sockets = [];
  let fault;
  const open = () => new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1');
    Object.assign(socket, { got: 0, size: 0, sent: undefined, ready: resolve }).setNoDelay(true);
    socket.on('connect', () => socket.write(request));
    socket.on('error', reject);
    socket.on('data', (piece) => {
      if (socket.got === 0 && !piece.toString('latin1').startsWith('HTTP/1.1 200')) fault = piece.toString('latin1');
      socket.got += piece.length;
      if (socket.size === 0) {
        if (socket.got < 1024) return;
        socket.size = socket.got;
        socket.ready();
      } else if (socket.got === socket.size) {
        micros.push(Number(process.hrtime.bigint() - socket.sent) / 1000);
      } else return;
      socket.got = 0;
      socket.sent = undefined;
    });
    sockets.push(socket);
  });
  await Promise.all(Array.from({ length: 64 }, open));
  const begin = process.hrtime.bigint();
  const total = seconds * perSecond;
  for (let asked = 0; asked < total && !fault; await new Promise(setImmediate)) {
    const due = Math.min(total, Number(process.hrtime.bigint() - begin) * perSecond / 1e9);
    for (; asked < due; asked += 1) {
      const socket = sockets[asked % sockets.length];
      if (socket.sent) continue;   // still waiting: not asked twice
      socket.sent = process.hrtime.bigint();
      socket.write(request);
    }
  }
  sockets.forEach((socket) => socket.destroy());
  if (fault) throw new Error(`port ${port}, ${host}: ${fault}`);
  return micros.sort((a, b) => a - b);
}

// `count` connections that asked once and now wait. Gives a function that closes them.
export async function idle(port, host, count) {
  const sockets = [];
  const open = () => new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`));
    let bytes = 0;
    socket.on('data', (piece) => { bytes += piece.length; if (bytes > 1024) resolve(); });
    socket.once('error', reject);
    sockets.push(socket);
  });
  for (let i = 0; i < count; i += 100) await Promise.all(Array.from({ length: 100 }, open));
  return () => sockets.forEach((socket) => socket.destroy());
}

// The cookies of somebody who went to `host` and was sent to the issuer and back.
export async function signedIn(host, port) {
  const jar = new Map();
  let url = new URL(`http://${host}:${port}/`);
  for (let hop = 0; hop < 8; hop += 1) {
    const own = url.hostname === host;
    const answer = await new Promise((resolve, reject) => http.get({
      host: '127.0.0.1', port: url.port || 80, path: url.pathname + url.search, agent: false,
      headers: { host: url.host, accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', ...(own && jar.size ? { cookie: cookieLine(jar) } : {}) },
    }, (response) => { response.resume(); resolve(response); }).once('error', reject));
    if (own) for (const line of answer.headers['set-cookie'] ?? []) jar.set(...line.split(';')[0].split(/=(.*)/s).slice(0, 2));
    if (answer.statusCode === 200) return cookieLine(jar);
    if (!answer.headers.location) throw new Error(`signing in at ${host}: ${url.href} answered ${answer.statusCode}`);
    url = new URL(answer.headers.location, url);
  }
  throw new Error(`signing in at ${host}: it goes in circles`);
}
const cookieLine = (jar) => [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
