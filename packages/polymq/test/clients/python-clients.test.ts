/**
 * The Python clients. They are in no Debian package of a fresh enough version, so these tests run where
 * they are installed: `pip install kafka-python confluent-kafka aiokafka`, with `TEST_PYTHON` naming the
 * Python that has them (default `python3`). Otherwise they are skipped by name.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startChild } from '../support/child.ts';
import { type KafkaPeer, startPeer, uniqueName } from './peer.ts';

const PYTHON = process.env['TEST_PYTHON'] ?? 'python3';

const has = (module: string) => spawnSync(PYTHON, ['-c', `import ${module}`]).status === 0;
const modules = {
  confluent_kafka: has('confluent_kafka'),
  kafka: has('kafka'),
  aiokafka: has('aiokafka'),
};
for (const [module, found] of Object.entries(modules)) {
  if (!found) process.stderr.write(`skipped: Python's ${module} (see python-clients.test.ts)\n`);
}

let peer: KafkaPeer;

beforeAll(async () => {
  if (Object.values(modules).includes(true)) peer = await startPeer();
});
afterAll(() => peer?.stop());

/** Runs one of the scripts and returns what it told, without the version it begins with. */
async function run(script: string): Promise<Record<string, unknown>> {
  const path = fileURLToPath(new URL(`python/${script}`, import.meta.url));
  const args = [path, peer.address, uniqueName('python')];
  const child = startChild({ name: script, command: PYTHON, args });
  const timer = setTimeout(() => child.signal('SIGKILL'), 110_000);
  const { code } = await child.exited;
  clearTimeout(timer);
  const told = child.stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { check: string; value: unknown });
  if (code !== 0) {
    throw new Error(`${script} ended with ${code} after ${child.stdout}\n${child.stderr}`);
  }
  return Object.fromEntries(
    told.filter(({ check }) => check !== 'version').map(({ check, value }) => [check, value]),
  );
}

describe('Python clients', () => {
  test.skipIf(!modules.confluent_kafka)('confluent-kafka (librdkafka)', async () => {
    expect(await run('confluent_kafka_check.py')).toEqual({
      'codec none': true,
      'codec gzip': true,
      'codec snappy': true,
      'codec lz4': true,
      'codec zstd': true,
      idempotent: true,
      'group range': true,
      'group roundrobin': true,
      'group cooperative-sticky': true,
      'group static': true,
      'list groups': true,
      'describe group': 'EMPTY',
      'group offsets': 1,
      'delete group': true,
      'describe cluster': 1,
      partitions: 4,
      'describe topic': 4,
      config: ['3600000', '1048576'],
      latest: 3,
      earliest: 2,
      'delete topic': true,
    });
  });

  test.skipIf(!modules.kafka)('kafka-python', async () => {
    expect(await run('kafka_python_check.py')).toEqual({
      'group one': true,
      'group two': true,
      'codec None': true,
      'codec gzip': true,
      beginning: 0,
      end: 3,
      topics: true,
    });
  });

  test.skipIf(!modules.aiokafka)('aiokafka', async () => {
    expect(await run('aiokafka_check.py')).toEqual({
      'plain one': true,
      'plain two': true,
      'gzip one': true,
      'gzip two': true,
      'idempotent one': true,
      'idempotent two': true,
    });
  });
});
