/**
 * Each bought tool of `npm run check`, with the configuration it has here, set on a violation that it must
 * find. A tool that was misconfigured, or that goes quiet after an update, fails here.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CONFIGURATION = [
  '.oxlintrc.json',
  'biome.json',
  'knip.json',
  'package.json',
  'tsconfig.base.json',
  'tsconfig.json',
  'packages/polymq/package.json',
];
const SRC = 'packages/polymq/src';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'polymq-gates-'));
  for (const path of CONFIGURATION) cpSync(join(ROOT, path), join(folder, path));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
});

afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a tool on a workspace that holds these files and nothing else. */
function runOn(tool: string, args: string[], files: Record<string, string>) {
  for (const part of ['packages/polymq/src', 'bench', 'scripts']) {
    rmSync(join(folder, part), { recursive: true, force: true });
    mkdirSync(join(folder, part), { recursive: true });
  }
  for (const [path, text] of Object.entries({ [`${SRC}/index.ts`]: 'export {};\n', ...files })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const program = join(ROOT, 'node_modules', tool);
  const result = spawnSync(process.execPath, [program, ...args], { cwd: folder, encoding: 'utf8' });
  return { code: result.status, output: result.stdout + result.stderr };
}

const typescript = (files: Record<string, string>) =>
  runOn('typescript/bin/tsc', ['--noEmit', '--pretty', 'false'], files);
const biome = (files: Record<string, string>) =>
  runOn(
    '@biomejs/biome/bin/biome',
    ['ci', '--vcs-enabled=false', '--colors=off', 'packages'],
    files,
  );
const oxlint = (files: Record<string, string>) =>
  runOn('oxlint/bin/oxlint', ['--type-aware', 'packages'], files);
const knip = (files: Record<string, string>) => runOn('knip/bin/knip.js', [], files);

describe('the type checker', () => {
  it('passes what is right and finds what is not', () => {
    expect(typescript({}).code).toBe(0);
    const { code, output } = typescript({
      [`${SRC}/a.ts`]: 'export const a: string[] = [];\nexport const b: string = a[0];\n',
    });
    expect(code).not.toBe(0);
    expect(output).toContain("Type 'undefined' is not assignable to type 'string'");
  });
});

describe('the linter', () => {
  it('passes what is right', () => {
    const { code, output } = biome({});
    expect(output).toContain('Checked');
    expect(code).toBe(0);
  });

  it.each([
    ['wrong format', { [`${SRC}/a.ts`]: 'export const a = "double"\n' }, 'a.ts format'],
    [
      'a cycle of imports',
      {
        [`${SRC}/a.ts`]: "import { b } from './b.ts';\n\nexport const a = (): number => b();\n",
        [`${SRC}/b.ts`]: "import { a } from './a.ts';\n\nexport const b = (): number => a();\n",
      },
      'noImportCycles',
    ],
    [
      'a function of more than 70 lines',
      { [`${SRC}/a.ts`]: `export function a(): void {\n${'  a();\n'.repeat(71)}}\n` },
      'noExcessiveLinesPerFunction',
    ],
    ['an any', { [`${SRC}/a.ts`]: 'export const a = (b: any): unknown => b;\n' }, 'noExplicitAny'],
  ])('finds %s', (_name, files, rule) => {
    const { code, output } = biome(files);
    expect(code).not.toBe(0);
    expect(output).toContain(rule);
  });
});

describe('the type-aware linter', () => {
  it.each([
    ['a promise that nobody waits for', 'no-floating-promises', 'work();'],
    ['a promise where a truth is wanted', 'no-misused-promises', 'if (work()) throw new Error();'],
    [
      'a switch that forgets a case',
      'switch-exhaustiveness-check',
      "switch (word as 'a' | 'b') {\n  case 'a':\n    break;\n}",
    ],
  ])('finds %s', (_name, rule, statement) => {
    const text = `const work = async (): Promise<boolean> => true;\nconst word: string = 'a';\nvoid work;\nvoid word;\n`;
    expect(oxlint({ [`${SRC}/a.ts`]: text }).code).toBe(0);
    const { code, output } = oxlint({ [`${SRC}/a.ts`]: `${text}${statement}\n` });
    expect(code).not.toBe(0);
    expect(output).toContain(rule);
  });
});

describe('the search for unused code', () => {
  const main = { [`${SRC}/cli/main.ts`]: "import { a } from './a.ts';\n\na();\n" };
  const used = { [`${SRC}/cli/a.ts`]: 'export const a = (): void => {};\n' };

  it('finds a file that nobody imports, and an export that nobody uses', () => {
    expect(knip({ ...main, ...used }).output).not.toContain('a.ts');
    const { code, output } = knip({
      ...main,
      [`${SRC}/cli/a.ts`]: 'export const a = (): void => {};\nexport const unusedOne = 1;\n',
      [`${SRC}/cli/lonely.ts`]: 'export {};\n',
    });
    expect(code).not.toBe(0);
    expect(output).toContain('unusedOne');
    expect(output).toContain('lonely.ts');
  });
});
