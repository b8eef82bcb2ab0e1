// An upstream that reads a request to its end before it answers: `node sink.mjs PORT`.
import { createServer } from 'node:http';

createServer((request, response) => {
  request.on('data', () => {});
  request.on('end', () => response.end('taken\n'));
}).listen(Number(process.argv[2]), '127.0.0.1');
