// Our side of the benchmarks: where the binary is, how it is started, and how a refresh token is got through the front door.
import { fileURLToPath } from 'node:url';
import { firstLine, start } from './measure.mjs';

export const binary = fileURLToPath(new URL('../build/release/gatehouse', import.meta.url));

// Starts `gatehouse up` and gives {child, info}: info is its JSON line.
export async function up(cpus, args) {
  const child = start(cpus, binary, ['up', '--port', '0', '--json', ...args]);
  return { child, info: JSON.parse(await firstLine(child)) };
}
