/** The code in the documents, run as it stands. Only addresses are replaced. */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtIsFresh, REPOSITORY_FOLDER } from './polymq.ts';

export interface Snippet {
  name: string;
  language: string;
  code: string;
  /** What the block of `text` right behind it shows: everything that it prints. */
  output: string | undefined;
}

/** The blocks of the languages given, numbered within the page. */
export function snippetsOf(page: string, languages: readonly string[]): Snippet[] {
  const text = readFileSync(join(REPOSITORY_FOLDER, page), 'utf8');
  const blocks = text.matchAll(/^```(\w+)\n([\s\S]*?)^```\n(?:\n?```text\n([\s\S]*?)^```$)?/gm);
  return Array.from(blocks)
    .filter(([, language]) => languages.includes(language!))
    .map(([, language, code, output], index) => {
      return { name: `${page}, ${index + 1}`, language: language!, code: code!, output };
    });
}

/** Writes the code to a file in `folder`, which must lie in the repository for its packages to be found. */
export function writeSnippet(folder: string, { name, language, code }: Snippet): string {
  const file = join(folder, `${name.replace(/\W+/g, '-')}.${language === 'ts' ? 'mts' : 'mjs'}`);
  writeFileSync(file, code);
  return file;
}

export interface SnippetRun {
  code: number | null;
  stdout: string;
  /** With what went to standard error. */
  output: string;
}

/** Runs the file until it ends by itself, or has printed what it should. */
export function runSnippet(
  file: string,
  { enough, env = {}, cwd }: { enough?: RegExp | undefined; env?: object; cwd?: string },
): Promise<SnippetRun> {
  return new Promise((resolve) => {
    // What was built starts faster; else the packages of this repository are found by their sources.
    const conditions = builtIsFresh() ? [] : ['--conditions=@polymq/source'];
    const args = [...conditions, '--import', import.meta.resolve('tsx'), file];
    const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, cwd });
    let stdout = '';
    let output = '';
    const gather = (chunk: Buffer): void => {
      output += chunk.toString();
      if (enough?.test(output)) child.kill();
    };
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      gather(chunk);
    });
    child.stderr.on('data', gather);
    const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, output });
    });
  });
}
