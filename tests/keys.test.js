// `gatehouse keys generate`: what it makes is taken by jose and by Node itself, in every form.
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import * as jose from 'jose';
import { execute, folder, remember } from './lib/gatehouse.js';

async function generate(...args) {
  const { code, out, err } = await execute(['keys', 'generate', '--json', ...args]);
  assert.equal(code, 0, err);
  const made = JSON.parse(out);
  remember(made.private_jwk.d ?? made.private_jwk.k);
  return made;
}

for (const alg of ['RS256', 'PS256', 'ES256', 'ES384', 'ES512', 'EdDSA'])
  test(`${alg}: signs with each private form, verifies with each public one`, async () => {
    const made = await generate('--alg', alg);
    assert.equal(made.alg, alg);
    assert.equal(made.kid, await jose.calculateJwkThumbprint(made.public_jwk));
    assert.equal(made.public_jwk.use, 'sig');
    assert.equal(made.public_jwk.kid, made.kid);
    for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) assert.equal(made.public_jwks.keys[0][member], undefined, member);
    assert.deepEqual(made.private_jwks.keys, [made.private_jwk]);
    assert.deepEqual(made.public_jwks.keys, [made.public_jwk]);
    const privates = [await jose.importJWK(made.private_jwk, alg), await jose.importPKCS8(made.private_pem, alg)];
    const publics = [await jose.importJWK(made.public_jwk, alg), await jose.importSPKI(made.public_pem, alg), jose.createLocalJWKSet(made.public_jwks)];
    for (const key of privates) {
      const token = await new jose.SignJWT({ a: 1 }).setProtectedHeader({ alg, kid: made.kid }).sign(key);
      for (const check of publics) assert.equal((await jose.jwtVerify(token, check)).payload.a, 1);
    }
    assert.equal(createPublicKey(createPrivateKey(made.private_pem)).export({ type: 'spki', format: 'pem' }), made.public_pem);
  });

for (const alg of ['RSA-OAEP-256', 'ECDH-ES', 'ECDH-ES+A256KW', 'A256KW'])
  test(`${alg}: encrypts and decrypts`, async () => {
    const made = await generate('--alg', alg);
    const to = await jose.importJWK(made.public_jwk ?? made.private_jwk, alg), from = await jose.importJWK(made.private_jwk, alg);
    assert.equal((made.public_jwk ?? made.private_jwk).use, 'enc');
    const text = await new jose.CompactEncrypt(new TextEncoder().encode('hello')).setProtectedHeader({ alg, enc: 'A256GCM' }).encrypt(to);
    assert.equal(new TextDecoder().decode((await jose.compactDecrypt(text, from)).plaintext), 'hello');
  });

test('a secret has no public half', async () => {
  const made = await generate('--alg', 'HS256');
  assert.equal(made.private_jwk.kty, 'oct');
  assert.equal(made.public_jwk, undefined);
  assert.equal(made.public_pem, undefined);
});

test('size, curve and kid are as asked; what does not fit is refused in words', async () => {
  const big = await generate('--alg', 'PS256', '--size', '3072', '--kid', 'bot-2026');
  assert.equal(big.kid, 'bot-2026');
  assert.equal(Buffer.from(big.public_jwk.n, 'base64url').length, 384);
  assert.equal((await generate('--alg', 'ECDH-ES', '--curve', 'P-384')).public_jwk.crv, 'P-384');
  assert.match((await generate('--kid-date', '--alg', 'ES256')).kid, /^sig-\d{4}-/);
  for (const args of [['--alg', 'none'], ['--alg', 'RSA1_5'], ['--size', '1024'], ['--alg', 'ES256', '--curve', 'P-384'], ['--alg', 'HS256', '--size', '64']]) {
    const { code, out, err } = await execute(['keys', 'generate', ...args]);
    assert.equal(code, 2, args.join(' '));
    assert.equal(out, '');
    assert.match(err, /^gatehouse: \S/);
  }
});

test('files are for their owner alone and are not replaced by accident', async () => {
  const dir = path.join(folder('keys'), 'bot');
  const first = await execute(['keys', 'generate', '--alg', 'ES256', '--out', dir]);
  assert.equal(first.code, 0, first.err);
  const names = ['private.jwk.json', 'private.jwks.json', 'private.pem', 'public.jwk.json', 'public.jwks.json', 'public.pem'];
  assert.deepEqual(first.out.trim().split('\n'), names.map((name) => path.join(dir, name)));
  for (const name of names) assert.equal(fs.statSync(path.join(dir, name)).mode & 0o777, 0o600, name);
  const before = fs.readFileSync(path.join(dir, 'private.pem'), 'utf8');
  remember(JSON.parse(fs.readFileSync(path.join(dir, 'private.jwk.json'), 'utf8')).d);

  fs.rmSync(path.join(dir, 'public.pem'));
  const again = await execute(['keys', 'generate', '--alg', 'ES256', '--out', dir]);
  assert.equal(again.code, 5);
  assert.match(again.err, /private\.jwk\.json is there already; --force/);
  assert.equal(fs.readFileSync(path.join(dir, 'private.pem'), 'utf8'), before);
  assert.ok(!fs.existsSync(path.join(dir, 'public.pem')), 'nothing was written');
  assert.equal((await execute(['keys', 'generate', '--alg', 'ES256', '--out', dir, '--force'])).code, 0);
  assert.notEqual(fs.readFileSync(path.join(dir, 'private.pem'), 'utf8'), before);
});

test('for people: the private key, and what to register', async () => {
  const { out, code } = await execute(['keys', 'generate', '--alg', 'ES256']);
  assert.equal(code, 0);
  assert.match(out, /^Key \S+ for ES256\n/);
  assert.match(out, /Public key set, to be registered as "jwks":\n\{"keys":\[/);
});
