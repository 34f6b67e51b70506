/** What is published: that it installs alone, that its types hold for its users, and that CommonJS can use it. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REPOSITORY_FOLDER } from '../../../polymq/test/support/polymq.ts';
import {
  type TemporaryFolder,
  temporaryFolder,
} from '../../../polymq/test/support/temporary-folder.ts';

const PACKAGE = join(REPOSITORY_FOLDER, 'packages', 'client');
const TSC = join(REPOSITORY_FOLDER, 'node_modules', 'typescript', 'bin', 'tsc');
const ATTW = join(
  REPOSITORY_FOLDER,
  'node_modules',
  '@arethetypeswrong',
  'cli',
  'dist',
  'index.js',
);

const manifest = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as {
  name: string;
  dependencies?: object;
  peerDependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, { optional: boolean }>;
};

let folder: TemporaryFolder;
/** A project that has nothing but the package, as npm would install it. */
let project: string;

function run(
  command: string,
  args: string[],
  cwd: string,
): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  return { code: status, output: `${stdout}${stderr}` };
}

function write(name: string, text: string): string {
  const file = join(project, name);
  writeFileSync(file, text);
  return file;
}

beforeAll(() => {
  expect(run(process.execPath, [TSC, '--build', 'packages/client'], REPOSITORY_FOLDER)).toEqual({
    code: 0,
    output: '',
  });
  folder = temporaryFolder('client-package-');
  project = join(folder.path, 'project');
  const installed = join(project, 'node_modules', '@polymq', 'client');
  mkdirSync(installed, { recursive: true });
  const packed = run('npm', ['pack', '--json', '--pack-destination', folder.path], PACKAGE);
  expect(packed.code, packed.output).toBe(0);
  const [, tarball] = /"filename": "([^"]+)"/.exec(packed.output)!;
  const archive = join(folder.path, tarball!.replace('@', '').replace('/', '-'));
  expect(run('tar', ['-xzf', archive, '--strip-components=1'], installed).code).toBe(0);
  mkdirSync(join(project, 'node_modules', '@types'));
  for (const name of ['@types/node', 'undici-types']) {
    symlinkSync(join(REPOSITORY_FOLDER, 'node_modules', name), join(project, 'node_modules', name));
  }
});

afterAll(() => folder?.remove());

describe('the package @polymq/client', () => {
  it('depends on nothing, and every peer is optional', () => {
    expect(manifest.dependencies).toBeUndefined();
    const peers = Object.keys(manifest.peerDependencies);
    expect(peers.length).toBeGreaterThan(0);
    expect(peers.filter((name) => !manifest.peerDependenciesMeta[name]?.optional)).toEqual([]);
  });

  it('has nothing that publint finds', async () => {
    const { messages } = await publint({ pkgDir: PACKAGE, strict: true });
    expect(messages.map((message) => formatMessage(message, manifest, { color: false }))).toEqual(
      [],
    );
  });

  it('has types that resolve wherever it can be imported (arethetypeswrong)', () => {
    const { code, output } = run(
      process.execPath,
      [ATTW, '--pack', PACKAGE, '--profile', 'esm-only', '--no-color', '--no-emoji'],
      folder.path,
    );
    expect(code, output).toBe(0);
    expect(output).toMatch(/node16 \(from ESM\).*OK \(ESM\)/);
  });

  it('is imported by ES modules', () => {
    const file = write(
      'a.mjs',
      `import { connect, PolymqError } from '@polymq/client';
       import { CAPABILITIES } from '@polymq/client/driver';
       console.log(typeof connect, new PolymqError('timeout', 'x').code, typeof CAPABILITIES);`,
    );
    expect(run(process.execPath, [file], project)).toEqual({
      code: 0,
      output: 'function timeout object\n',
    });
  });

  it('is required by CommonJS', () => {
    const file = write(
      'a.cjs',
      `const { connect, PolymqError } = require('@polymq/client');
       console.log(typeof connect, new PolymqError('timeout', 'x').code);`,
    );
    const { code, output } = run(process.execPath, ['--no-warnings', file], project);
    expect({ code, output }).toEqual({ code: 0, output: 'function timeout\n' });
  });

  it('says which package to install when a driver lacks its library', () => {
    const file = write(
      'b.mjs',
      `import { connect } from '@polymq/client';
       for (const url of ['amqp://127.0.0.1', 'kafka://127.0.0.1', 'redis://127.0.0.1', 'sqs://127.0.0.1', 'memory:']) {
         await connect(url).catch(({ code, message }) => console.log(code, /npm install \\S+/.exec(message)?.[0]));
       }`,
    );
    const { output } = run(process.execPath, [file], project);
    const lines = output.trim().split('\n');
    expect(lines).toHaveLength(5);
    for (const line of lines) expect(line).toMatch(/^missing-package npm install [@\w]/);
  });

  it.each(['nodenext', 'bundler'])('compiles with its types checked (%s)', (resolution) => {
    write('package.json', '{ "type": "module" }');
    write(
      'use.ts',
      `import { connect, type Message, type Queue } from '@polymq/client';
       import type { Driver } from '@polymq/client/driver';
       interface Order { orderId: string }
       export async function main(): Promise<void> {
         const mq = await connect('polymq://localhost');
         const orders: Queue<Order> = mq.queue<Order>('orders', { retry: { max: 3 } });
         await orders.send({ orderId: '1' }, { delay: '5s' });
         const message: Message<Order> | undefined = await orders.receive();
         const driver: Driver = mq.driver;
         console.log(message?.data.orderId, driver.engine);
       }`,
    );
    const options = {
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      target: 'es2023',
      lib: ['es2023'],
      types: ['node'],
      module: resolution === 'nodenext' ? 'nodenext' : 'esnext',
      moduleResolution: resolution,
    };
    write('tsconfig.json', JSON.stringify({ compilerOptions: options, files: ['use.ts'] }));
    expect(run(process.execPath, [TSC, '-p', '.'], project)).toEqual({ code: 0, output: '' });
  });
});
