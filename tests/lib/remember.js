// Whoever uses a secret remembers it here, so that the search at the end of the run (secrets.test.js) knows what to look for.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto; // Node 18, Debian 12's

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const run = process.env.GATEHOUSE_RUN ?? path.join(root, 'build/logs/run');
fs.mkdirSync(run, { recursive: true });

// A secret that must never stand in a log. Short ones would be found by accident.
export function remember(...secrets) {
  for (const secret of secrets) {
    if (typeof secret !== 'string' || secret.length < 8) continue;
    fs.appendFileSync(path.join(run, 'secrets.txt'), secret + '\n');
  }
  return secrets[0];
}
