// The peer of the grants benchmark: npm oidc-provider, configured like our `default` server: JWT access tokens signed
// with the algorithm asked for, refresh tokens that rotate. Its adapter keeps everything in memory (ours is durable).
// Prints one JSON line when ready: {"issuer", "client_id", "client_secret", "refresh_tokens": [...]}.
// usage: oidc_provider.mjs PORT ALG TOKENS
import './node18.mjs';
import { Provider } from 'oidc-provider';
import { exportJWK, generateKeyPair } from 'jose';

const [port, alg, tokens] = [Number(process.argv[2]), process.argv[3], Number(process.argv[4] ?? 0)];
const resource = 'api://default';
const keys = await Promise.all(['RS256', 'ES256'].map(async (name) => {
  const { privateKey } = await generateKeyPair(name, { extractable: true });
  return { ...(await exportJWK(privateKey)), alg: name, use: 'sig', kid: name };
}));

const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  jwks: { keys },
  clients: [{
    client_id: 'bench', client_secret: 'bench-secret-bench-secret-bench-secret',
    grant_types: ['authorization_code', 'client_credentials', 'refresh_token'],
    redirect_uris: ['https://client.example/callback'], scope: 'openid offline_access orders:read',
    id_token_signed_response_alg: alg, token_endpoint_auth_method: 'client_secret_basic',
  }],
  scopes: ['openid', 'offline_access', 'orders:read'],
  rotateRefreshToken: true,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({ scope: 'orders:read', audience: resource, accessTokenTTL: 3600, accessTokenFormat: 'jwt', jwt: { sign: { alg } } }),
    },
  },
});

async function refreshToken(client, n) {
  const accountId = `user${n}`;
  const grant = new provider.Grant({ accountId, clientId: client.clientId });
  grant.addOIDCScope('openid offline_access');
  grant.addResourceScope(resource, 'orders:read');
  const grantId = await grant.save();
  const now = Math.floor(Date.now() / 1000);
  return new provider.RefreshToken({
    accountId, client, grantId, gty: 'authorization_code', scope: 'openid offline_access orders:read', authTime: now, resource, iiat: now, rotations: 0,
  }).save();
}

provider.listen(port, '127.0.0.1', async () => {
  const client = await provider.Client.find('bench');
  const refresh_tokens = [];
  for (let n = 0; n < tokens; n += 1) refresh_tokens.push(await refreshToken(client, n));
  console.log(JSON.stringify({ issuer, client_id: 'bench', client_secret: 'bench-secret-bench-secret-bench-secret', token_endpoint: `${issuer}/token`, refresh_tokens }));
});
