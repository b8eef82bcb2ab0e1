// A load of token requests over keep-alive connections, as a process of its own so that its CPU time is nobody else's.
// Reads one JSON line from standard input for each slice, {"seconds": 1, "stop": false}; answers {"done", "failed"}.
// usage: load.mjs TOKEN_ENDPOINT AUTHORIZATION CONNECTIONS client_credentials SCOPE | refresh_token STOCK_FILE
import http from 'node:http';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [endpoint, authorization, connections, grant, what] = process.argv.slice(2);
const url = new URL(endpoint);
const agent = new http.Agent({ keepAlive: true, maxSockets: Number(connections) });
const stock = grant === 'refresh_token' ? readFileSync(what, 'utf8').split('\n').filter(Boolean) : [];

function post(body) {
  return new Promise((resolve, reject) => {
    const request = http.request({
      host: url.hostname, port: url.port, path: url.pathname, method: 'POST', agent,
      headers: { authorization, 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length },
    }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (piece) => { text += piece; });
      answer.on('end', () => resolve({ status: answer.statusCode, text }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

async function one() {
  if (grant === 'client_credentials') return (await post(`grant_type=client_credentials&scope=${encodeURIComponent(what)}`)).status === 200;
  const token = stock.pop();
  const { status, text } = await post(`grant_type=refresh_token&refresh_token=${encodeURIComponent(token)}`);
  if (status === 200) stock.push(JSON.parse(text).refresh_token);
  return status === 200;
}

async function slice(seconds) {
  const end = Date.now() + seconds * 1000;
  let done = 0, failed = 0;
  await Promise.all(Array.from({ length: Number(connections) }, async () => {
    while (Date.now() < end) (await one()) ? (done += 1) : (failed += 1);
  }));
  return { done, failed };
}

console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  const { seconds } = JSON.parse(line);
  console.log(JSON.stringify(await slice(seconds)));
}
