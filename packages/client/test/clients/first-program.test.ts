/**
 * The program that everybody writes first (`examples/first/main.mjs`), the same file on every engine: send, receive, fail with a growing delay, end
 * as a dead letter. Where an engine lacks queues it fails with the error that says so.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REPOSITORY_FOLDER } from '../../../polymq/test/support/polymq.ts';
import { runSnippet } from '../../../polymq/test/support/snippets.ts';
import {
  type TemporaryFolder,
  temporaryFolder,
} from '../../../polymq/test/support/temporary-folder.ts';
import {
  type Engine,
  rabbitmqMissing,
  redisMissing,
  startPolymqEngine,
  startRabbitmqEngine,
  startRedisEngine,
} from '../support/engines.ts';
import { type GivenEngine, givenKafka, givenSqs } from '../support/given-engines.ts';

const PROGRAM = join(REPOSITORY_FOLDER, 'examples', 'first', 'main.mjs');

const STORY = [
  'attempt 1 of order 123',
  'attempt 2 of order 123',
  'attempt 3 of order 123',
  'attempt 4 of order 123',
  '123 Error: the bank is closed',
  '',
].join('\n');

let folder: TemporaryFolder;

beforeAll(() => {
  mkdirSync(join(REPOSITORY_FOLDER, '.cache'), { recursive: true });
  folder = temporaryFolder('first-', join(REPOSITORY_FOLDER, '.cache'));
});

afterAll(() => folder?.remove());

function run(url?: string) {
  const env = url === undefined ? {} : { MQ_URL: url };
  return runSnippet(PROGRAM, { cwd: folder.path, env });
}

async function runsOn(url?: string): Promise<void> {
  const { code, stdout, output } = await run(url);
  expect(stdout, output).toBe(STORY);
  expect(code).toBe(0);
}

/** With a server of its own: all its protocols show the same queues, and the letters that an earlier run left in them. */
async function onGiven(engine: GivenEngine, url: string): Promise<void> {
  try {
    await runsOn(url);
  } finally {
    await engine.stop();
  }
}

async function onPolymq(
  schemes: readonly string[],
  run: (polymq: Engine) => Promise<void>,
): Promise<void> {
  const polymq = await startPolymqEngine(schemes);
  try {
    await run(polymq);
  } finally {
    await polymq.stop();
  }
}

describe('the first program', () => {
  it('runs on the broker in its own process', () => runsOn());

  it('runs on a PolyMQ server', () =>
    onPolymq(['amqp', 'kafka', 'http'], (polymq) => {
      const ports = ['amqp', 'kafka', 'http'].map((scheme) => `${scheme}=${polymq.port(scheme)}`);
      return runsOn(`polymq://127.0.0.1?${ports.join('&')}`);
    }));

  it('runs on SQS', async () => {
    const given = await givenSqs();
    if (given !== undefined) return onGiven(given, given.address);
    return onPolymq(['aws'], (polymq) => runsOn(`http://127.0.0.1:${polymq.port('aws')}`));
  });

  it('runs on Kafka', async () => {
    const given = await givenKafka();
    if (given !== undefined) return onGiven(given, `kafka://${given.address}`);
    return onPolymq(['kafka'], (polymq) => runsOn(`kafka://127.0.0.1:${polymq.port('kafka')}`));
  });

  // RabbitMQ comes from Debian's package; where that cannot be installed: apt-get install rabbitmq-server.
  it.skipIf(rabbitmqMissing() !== undefined)('runs on RabbitMQ', async () => {
    const rabbitmq = await startRabbitmqEngine();
    try {
      await runsOn(`amqp://guest:guest@127.0.0.1:${rabbitmq.port('amqp')}`);
    } finally {
      await rabbitmq.stop();
    }
  });

  // Redis comes from Debian's package; where that cannot be installed: apt-get install redis-server.
  it.skipIf(redisMissing() !== undefined)('is refused on Redis, by name', async () => {
    const redis = await startRedisEngine();
    try {
      const { code, output } = await run(`redis://127.0.0.1:${redis.port('redis')}`);
      expect(code).toBe(1);
      expect(output).toMatch(/UnsupportedError.*Redis does not support queue/);
    } finally {
      await redis.stop();
    }
  });
});
