// `./dev bench [start|grants|gateway …] [--smoke] [--json]`: the figures of docs/performance.md, measured here and now.
// --smoke runs every path once, briefly: it proves that the benchmark works and measures nothing worth quoting.
import { startTimes } from './start.mjs';
import { grants } from './grants.mjs';
import { gateway } from './gateway.mjs';

const parts = { start: startTimes, grants, gateway };
const words = process.argv.slice(2);
const smoke = words.includes('--smoke');
const json = words.includes('--json');
const wanted = words.filter((word) => !word.startsWith('--'));
const unknown = wanted.filter((word) => !(word in parts));
if (unknown.length > 0) {
  console.error(`bench: there is no part '${unknown[0]}'; there are ${Object.keys(parts).join(', ')}.`);
  process.exit(2);
}

const figures = {};
for (const [name, measure] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  figures[name] = await measure({ smoke, quiet: json });
}
if (json) console.log(JSON.stringify(figures));
