/**
 * Every JavaScript snippet of the documents, run as it stands against a broker. Only the address is replaced,
 * and the package's own name by the sources.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PACKAGE_FOLDER, type Polymq, REPOSITORY_FOLDER, startPolymq } from '../support/polymq.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';

interface Snippet {
  name: string;
  code: string;
}

/** What a snippet prints, where the text says so. Others must just end well. */
const OUTPUT: Readonly<Record<string, RegExp>> = {
  'README.md, 1': /^order-123: \{"amount":100\}$/m,
  'README.md, 2': /^hello$/m,
  'README.md, 3': /^hello$/m,
  'README.md, 4': /^\d+$/m,
  'docs/guides/amqp-clients.md, 1': /^hello$/m,
  'docs/guides/amqp-clients.md, 2': /^hello$/m,
  'docs/guides/amqp-clients.md, 4': /^user\.created anna$/m,
  'docs/guides/aws-clients.md, 1': /^hello$/m,
  'docs/guides/aws-clients.md, 2': /^hello$/m,
  'docs/guides/aws-clients.md, 3': /^all is well$/m,
  'docs/guides/aws-clients.md, 5': /^from AMQP red$/m,
};

/** What has to be there before a snippet runs. */
const BEFORE: Readonly<Record<string, () => Promise<unknown>>> = {
  'docs/guides/aws-clients.md, 2': () => sqs('SendMessage', { MessageBody: 'hello' }),
};

async function sqs(action: string, input: object): Promise<void> {
  const origin = `http://127.0.0.1:${broker.port('aws')}`;
  const body = JSON.stringify({ QueueUrl: `${origin}/000000000000/orders`, ...input });
  const headers = { 'x-amz-target': `AmazonSQS.${action}` };
  const { status } = await fetch(origin, { method: 'POST', headers, body });
  expect(status).toBe(200);
}

let broker: Polymq;
let folder: TemporaryFolder;
/** Where a snippet listens itself. */
let httpPort: number;

beforeAll(async () => {
  broker = await startPolymq({
    data: 'memory:',
    args: ['--sns-private-targets', '127.0.0.1'],
  });
  httpPort = await freePort();
  // Inside the repository, so that the snippets find the packages they import.
  mkdirSync(join(REPOSITORY_FOLDER, '.cache'), { recursive: true });
  folder = temporaryFolder('snippets-', join(REPOSITORY_FOLDER, '.cache'));
});

afterAll(async () => {
  await broker?.stop();
  folder?.remove();
});

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

const guides = readdirSync(join(REPOSITORY_FOLDER, 'docs', 'guides'));
const pages = [
  'README.md',
  join('packages', 'polymq', 'README.md'),
  ...guides.map((name) => join('docs', 'guides', name)),
];

function snippetsOf(page: string): Snippet[] {
  const text = readFileSync(join(REPOSITORY_FOLDER, page), 'utf8');
  return Array.from(text.matchAll(/^```js\n([\s\S]*?)^```$/gm), ([, code], index) => {
    return { name: `${page}, ${index + 1}`, code: code! };
  });
}

/** Runs the code until it ends by itself, or has printed what it should. */
function run(
  file: string,
  enough: RegExp | undefined,
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const args = ['--import', import.meta.resolve('tsx'), file];
    const env = {
      ...process.env,
      KAFKAJS_NO_PARTITIONER_WARNING: '1',
      // As the guide says that programs have them.
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'any',
      AWS_SECRET_ACCESS_KEY: 'any',
    };
    const child = spawn(process.execPath, args, { env });
    let output = '';
    const gather = (chunk: Buffer): void => {
      output += chunk.toString();
      if (enough?.test(output)) child.kill();
    };
    child.stdout.on('data', gather);
    child.stderr.on('data', gather);
    const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, output });
    });
  });
}

describe('the snippets of the documents', () => {
  it.each(pages.flatMap(snippetsOf))('$name runs as it stands', async ({ name, code }) => {
    const source = pathToFileURL(join(PACKAGE_FOLDER, 'src', 'index.ts')).href;
    const file = join(folder.path, `${name.replace(/\W+/g, '-')}.mjs`);
    writeFileSync(
      file,
      code
        .replaceAll('127.0.0.1:9092', `127.0.0.1:${broker.port('kafka')}`)
        .replaceAll('127.0.0.1:5672', `127.0.0.1:${broker.port('amqp')}`)
        .replaceAll('127.0.0.1:9324', `127.0.0.1:${broker.port('aws')}`)
        .replaceAll('8080', String(httpPort))
        .replace("'polymq'", `'${source}'`),
    );
    await BEFORE[name]?.();
    const expected = OUTPUT[name];
    const outcome = await run(file, expected);
    if (expected === undefined) expect(outcome).toMatchObject({ code: 0 });
    else expect(outcome.output).toMatch(expected);
  });
});
