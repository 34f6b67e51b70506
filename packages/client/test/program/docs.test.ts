/**
 * Every snippet of the SDK's documents, run as it stands. A snippet ends by itself; what it prints is in the block of `text` behind it.
 * Only the addresses of servers are replaced.
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Polymq,
  REPOSITORY_FOLDER,
  startPolymq,
} from '../../../polymq/test/support/polymq.ts';
import { runSnippet, snippetsOf, writeSnippet } from '../../../polymq/test/support/snippets.ts';
import {
  type TemporaryFolder,
  temporaryFolder,
} from '../../../polymq/test/support/temporary-folder.ts';

const PAGES = [
  join('packages', 'client', 'README.md'),
  ...readdirSync(join(REPOSITORY_FOLDER, 'docs', 'sdk')).map((name) => join('docs', 'sdk', name)),
];

/** The ports that the documents name. */
const PORTS = { kafka: 9092, amqp: 5672, aws: 9324, redis: 6379, http: 15672 } as const;

let broker: Polymq;
let folder: TemporaryFolder;

beforeAll(async () => {
  broker = await startPolymq({
    data: 'memory:',
    listen: Object.keys(PORTS).map((scheme) => `${scheme}://127.0.0.1:0`),
  });
  // Inside the repository, so that the snippets find the packages they import.
  mkdirSync(join(REPOSITORY_FOLDER, '.cache'), { recursive: true });
  folder = temporaryFolder('sdk-snippets-', join(REPOSITORY_FOLDER, '.cache'));
});

afterAll(async () => {
  await broker?.stop();
  folder?.remove();
});

function withPorts(code: string): string {
  const ports = ['amqp', 'kafka', 'http'].map((scheme) => `${scheme}=${broker.port(scheme)}`);
  return Object.entries(PORTS).reduce(
    (text, [scheme, port]) =>
      text.replaceAll(`127.0.0.1:${port}`, `127.0.0.1:${broker.port(scheme)}`),
    code.replaceAll('polymq://127.0.0.1', `polymq://127.0.0.1?${ports.join('&')}`),
  );
}

describe('the snippets of the SDK', () => {
  const snippets = PAGES.flatMap((page) => snippetsOf(page, ['js', 'ts']));

  it.each(snippets)('$name runs as it stands', async (snippet) => {
    const own = temporaryFolder('snippet-', folder.path);
    const file = writeSnippet(own.path, { ...snippet, code: withPorts(snippet.code) });
    const outcome = await runSnippet(file, { cwd: own.path });
    expect(outcome.code, outcome.output).toBe(0);
    if (snippet.output !== undefined) expect(outcome.stdout).toBe(snippet.output);
  });
});
