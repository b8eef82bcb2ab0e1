// What oidc-provider expects and Node 18, Debian 12's, does not have under these names. Imported first, since others look
// for it while they load. Nothing here is on a path that is measured.
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto;
URL.parse ??= (text, base) => {
  try { return new URL(text, base); } catch { return null; }
};
