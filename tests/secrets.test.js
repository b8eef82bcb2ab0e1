// Runs after all the others: every secret that the run used, searched in everything that the program said.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { run } from './lib/gatehouse.js';

const secrets = () => [...new Set(fs.readFileSync(path.join(run, 'secrets.txt'), 'utf8').split('\n').filter((s) => s.length >= 8))];
const logs = () => fs.readdirSync(run).filter((f) => f.endsWith('.log')).map((f) => path.join(run, f));

test('there are secrets and logs to look at, down to debug level', () => {
  assert.ok(secrets().length > 100, `${secrets().length} secrets`);
  const text = logs().map((f) => fs.readFileSync(f, 'utf8')).join('');
  assert.match(text, /debug/);
  assert.ok(text.length > 10000);
});

test('no secret stands in any log', () => {
  const known = secrets();
  // A token is also found by its signature, a form by its encoding.
  const needles = new Map();
  for (const secret of known) {
    needles.set(secret, secret);
    needles.set(encodeURIComponent(secret), secret);
    needles.set(Buffer.from(secret).toString('base64').replace(/=+$/, ''), secret);
    const signature = secret.split('.')[2];
    if (secret.startsWith('eyJ') && signature?.length > 20) needles.set(signature, secret);
  }
  const found = [];
  for (const file of logs()) {
    for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
      for (const needle of needles.keys()) if (line.includes(needle)) found.push(`${path.basename(file)}: …${line.replace(needle, '<SECRET>').slice(0, 200)}`);
    }
  }
  assert.deepEqual(found.slice(0, 10), []);
});

test('the search finds what is there', () => {
  const file = path.join(run, 'probe.txt');
  fs.writeFileSync(file, `x ${secrets()[0]} y`);
  assert.ok(fs.readFileSync(file, 'utf8').includes(secrets()[0]));
  fs.rmSync(file);
});
