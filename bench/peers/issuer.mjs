// An issuer without people: OpenID Connect discovery, keys, a sign-in that says yes at once, and introspection of one opaque
// token. The subjects of the gateway's benchmark trust it; it stands still while they are measured.
import { createServer } from 'node:http';
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export const opaque = 'opaque-token-of-the-benchmark-0123456789';
export const audience = 'api://bench';
const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

export class Issuer {
  constructor(port, key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey) {
    this.port = port;
    this.url = `http://127.0.0.1:${port}/oauth2/default`;
    this.key = key;
    this.nonces = new Map();
    this.header = encode({ alg: 'RS256', kid: 'bench', typ: 'JWT' });
  }
  get publicPem() { return createPublicKey(this.key).export({ type: 'spki', format: 'pem' }); }

  sign(claims) {
    const text = `${this.header}.${encode(claims)}`;
    return `${text}.${sign('sha256', Buffer.from(text), this.key).toString('base64url')}`;
  }
  claims(more) {
    const now = Math.floor(Date.now() / 1000);
    return { iss: this.url, aud: audience, sub: 'bench', client_id: 'bench', cid: 'bench', scope: 'orders:read', scp: ['orders:read'], iat: now, exp: now + 86400 * 7, ...more };
  }
  token(more = {}) { return this.sign(this.claims(more)); }

  listen() {
    this.server = createServer((request, response) => this.answer(request, response));
    return new Promise((resolve) => { this.server.listen(this.port, '127.0.0.1', resolve); });
  }
  close() {
    this.server.closeAllConnections();
    this.server.close();
  }

  async answer(request, response) {
    const url = new URL(request.url, this.url);
    const body = new URLSearchParams(await text(request));
    const json = (value) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    const who = { sub: 'bench', preferred_username: 'ada', email: 'ada@example.com', name: 'Ada', groups: ['Engineers', 'Writers'] };
    switch (url.pathname.replace('/oauth2/default', '')) {
      case '/.well-known/openid-configuration': return json(this.metadata());
      case '/keys': return json({ keys: [{ ...createPublicKey(this.key).export({ format: 'jwk' }), kid: 'bench', alg: 'RS256', use: 'sig' }] });
      case '/authorize': {
        const code = randomBytes(16).toString('hex');
        this.nonces.set(code, url.searchParams.get('nonce'));
        const back = new URL(url.searchParams.get('redirect_uri'));
        back.searchParams.set('code', code);
        back.searchParams.set('state', url.searchParams.get('state'));
        return response.writeHead(302, { location: back.href }).end();
      }
      case '/token': {
        const access = this.token({ jti: randomBytes(8).toString('hex') });
        const at_hash = createHash('sha256').update(access).digest().subarray(0, 16).toString('base64url');
        const nonce = this.nonces.get(body.get('code')) ?? undefined;
        return json({ access_token: access, token_type: 'Bearer', expires_in: 86400, id_token: this.token({ ...who, aud: 'bench', nonce, at_hash }) });
      }
      case '/userinfo': return json(who);
      case '/introspect': return json(body.get('token') === opaque ? { active: true, ...this.claims({ username: 'bench', token_type: 'Bearer' }) } : { active: false });
      default: return response.writeHead(404).end();
    }
  }

  metadata() {
    const at = (path) => `${this.url}/${path}`;
    return {
      issuer: this.url, authorization_endpoint: at('authorize'), token_endpoint: at('token'), userinfo_endpoint: at('userinfo'), jwks_uri: at('keys'),
      introspection_endpoint: at('introspect'), response_types_supported: ['code'], subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'], token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      code_challenge_methods_supported: ['S256'], scopes_supported: ['openid', 'profile', 'email', 'groups'],
    };
  }
}

async function text(request) {
  let all = '';
  for await (const piece of request) all += piece;
  return all;
}

// An issuer, and `count` distinct tokens of it, one a line in a file: kept from run to run, since an RSA signature costs 0.3 ms.
export function issuerWithTokens(port, count, file) {
  mkdirSync(dirname(file), { recursive: true });
  if (existsSync(file)) {
    const [about, ...tokens] = readFileSync(file, 'utf8').trimEnd().split('\n');
    const kept = JSON.parse(about);
    if (tokens.length >= count && kept.until > Date.now()) return { issuer: new Issuer(kept.port, createPrivateKey(kept.key)), tokens };
  }
  const issuer = new Issuer(port);
  const tokens = Array.from({ length: count }, (_, i) => issuer.token({ jti: `never-seen-${i}` }));
  const about = { port, until: Date.now() + 86400e3 * 6, key: issuer.key.export({ type: 'pkcs8', format: 'pem' }) };
  writeFileSync(`${file}.new`, `${JSON.stringify(about)}\n${tokens.join('\n')}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return { issuer, tokens };
}
