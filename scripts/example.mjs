/** `npm run example -- NAME [options]`: runs one of the programs in `examples/`; without a name it lists them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './lib/process.mjs';

const FOLDER = join(ROOT, 'examples');
const [name = ''] = process.argv.slice(2);
const main = join('examples', name, 'main.ts');

if (name === '' || !existsSync(join(ROOT, main))) {
  if (name !== '') process.stderr.write(`there is no example "${name}"; there are:\n`);
  process.stdout.write(`${list()}\n`);
  process.exitCode = name === '' ? 0 : 2;
} else {
  process.argv.splice(2, 1, main);
  await import('./run.mjs');
}

/** Each with the first line of its head. */
function list() {
  return readdirSync(FOLDER)
    .filter((each) => existsSync(join(FOLDER, each, 'main.ts')))
    .map((each) => {
      const text = readFileSync(join(FOLDER, each, 'main.ts'), 'utf8');
      const about = /^\/\*\*\n \* (.*)$/m.exec(text)?.[1] ?? '';
      return `npm run example -- ${each.padEnd(16)} ${about}`;
    })
    .join('\n');
}
