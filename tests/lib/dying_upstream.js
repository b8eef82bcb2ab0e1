// An application in a process of its own, to be killed: `node dying_upstream.js PORT LOG`. Writes one line per request into LOG
// before it does anything with it, works for a moment, and answers with the request's id.
import fs from 'node:fs';
import http from 'node:http';

const [port, file] = process.argv.slice(2);
const log = fs.openSync(file, 'a');
http.createServer((request, reply) => {
  fs.writeSync(log, `${request.method} ${request.headers['x-id']}\n`);
  request.resume();
  request.on('end', () => setTimeout(() => reply.end(request.headers['x-id']), 3));
}).listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'));
