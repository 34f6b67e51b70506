/** Every JavaScript snippet of the documents, run as it stands against a broker. Only the address is replaced. */
import { mkdirSync, readdirSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Polymq, REPOSITORY_FOLDER, startPolymq } from '../support/polymq.ts';
import { runSnippet, snippetsOf, writeSnippet } from '../support/snippets.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';

/** What a snippet prints, where the text says so. Others must just end well. */
const OUTPUT: Readonly<Record<string, RegExp>> = {
  'README.md, 1': /^attempt 4 of order 123\n123 Error: the bank is closed$/m,
  'README.md, 2': /^order-123: \{"amount":100\}$/m,
  'README.md, 3': /^hello$/m,
  'README.md, 4': /^hello$/m,
  'README.md, 5': /^order 1$/m,
  'README.md, 6': /^\d+$/m,
  'docs/guides/amqp-clients.md, 1': /^hello$/m,
  'docs/guides/amqp-clients.md, 2': /^hello$/m,
  'docs/guides/amqp-clients.md, 4': /^user\.created anna$/m,
  'docs/guides/aws-clients.md, 1': /^hello$/m,
  'docs/guides/aws-clients.md, 2': /^hello$/m,
  'docs/guides/aws-clients.md, 3': /^all is well$/m,
  'docs/guides/aws-clients.md, 5': /^from AMQP red$/m,
  'docs/guides/redis-clients.md, 1': /^hello\nsubscribers: 1$|^subscribers: 1\nhello$/m,
  'docs/guides/redis-clients.md, 2': /^news hello$/m,
  'docs/guides/redis-clients.md, 3': /^orders\.created order 1$/m,
  'docs/guides/mqtt-clients.md, 1': /^orders\/created hello$/m,
  'docs/guides/mqtt-clients.md, 2': /^orders\/paid while you were away$/m,
  'docs/guides/mqtt-clients.md, 3': /^devices\/1\/state online$/m,
  'docs/guides/mqtt-clients.md, 4': /^worked on job 1$/m,
  'docs/guides/mqtt-clients.md, 5':
    /^orders\.created 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01$/m,
  'docs/guides/stomp-clients.md, 1': /^hello$/m,
  'docs/guides/stomp-clients.md, 2': /^\/topic\/orders\.created hello$/m,
};

/** The ports that the documents name. */
const PORTS: Readonly<Record<string, string>> = {
  kafka: '9092',
  amqp: '5672',
  aws: '9324',
  redis: '6379',
  mqtt: '1883',
  stomp: '61613',
  'ws+stomp': '15674',
  http: '15672',
};
const SCHEMES = Object.keys(PORTS);

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
    listen: SCHEMES.map((scheme) => `${scheme}://127.0.0.1:0`),
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

/** What programs have in their environment, as the guides say. */
const ENVIRONMENT = {
  KAFKAJS_NO_PARTITIONER_WARNING: '1',
  AWS_REGION: 'eu-west-1',
  AWS_ACCESS_KEY_ID: 'any',
  AWS_SECRET_ACCESS_KEY: 'any',
};

describe('the snippets of the documents', () => {
  const snippets = pages.flatMap((page) => snippetsOf(page, ['js']));
  it.each(snippets)('$name runs as it stands', async (snippet) => {
    let code = snippet.code.replaceAll('8080', String(httpPort));
    for (const [scheme, port] of Object.entries(PORTS)) {
      code = code
        .replaceAll(`127.0.0.1:${port}`, `127.0.0.1:${broker.port(scheme)}`)
        .replaceAll(`port: ${port},`, `port: ${broker.port(scheme)},`);
    }
    const file = writeSnippet(folder.path, { ...snippet, code });
    await BEFORE[snippet.name]?.();
    const expected = OUTPUT[snippet.name];
    const outcome = await runSnippet(file, {
      enough: expected,
      env: ENVIRONMENT,
      cwd: folder.path,
    });
    if (expected === undefined) expect(outcome).toMatchObject({ code: 0 });
    else expect(outcome.output).toMatch(expected);
  });
});
