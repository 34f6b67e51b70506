/**
 * `npm run check`: everything that tools can say about the sources without running them.
 *
 * The steps run side by side; only what fails shows its output. Each is proved to bite by a planted
 * violation in `scripts/gates.test.ts` or `scripts/tidy/*.test.ts`.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { installDependencies, requireNode } from './lib/install.mjs';
import { ROOT, say } from './lib/process.mjs';

const bin = (path) => join(ROOT, 'node_modules', path);

const STEPS = [
  { name: 'types', args: [bin('typescript/bin/tsc'), '--noEmit'] },
  { name: 'format and lint', args: [bin('@biomejs/biome/bin/biome'), 'ci', '--colors=off', '.'] },
  { name: 'promises and switches', args: [bin('oxlint/bin/oxlint'), '--type-aware', '.'] },
  { name: 'unused code', args: [bin('knip/bin/knip.js')] },
  { name: 'tidy', args: ['scripts/run.mjs', 'scripts/tidy.ts'] },
];

/** Lines shown of each step that fails. */
const LINES_MAX = 200;

requireNode();
await installDependencies();

const outcomes = await Promise.all(STEPS.map(runStep));
for (const { name, code, output, seconds } of outcomes) {
  say(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds.toFixed(1)} s)`);
  if (code !== 0) say(shorten(output).replace(/^/gm, '       '));
}
process.exitCode = outcomes.some(({ code }) => code !== 0) ? 1 : 0;

/** A tool run wild should not scroll the others away. */
function shorten(output) {
  const lines = output.trimEnd().split('\n');
  if (lines.length <= LINES_MAX) return lines.join('\n');
  return [...lines.slice(0, LINES_MAX), `… and ${lines.length - LINES_MAX} lines more`].join('\n');
}

function runStep({ name, args }) {
  return new Promise((resolve) => {
    const startMs = performance.now();
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const gather = (chunk) => {
      output += chunk;
    };
    child.stdout.on('data', gather);
    child.stderr.on('data', gather);
    child.once('close', (code) => {
      resolve({ name, code: code ?? 1, output, seconds: (performance.now() - startMs) / 1000 });
    });
  });
}
