import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  apacheKafkaMissing,
  installApacheKafka,
  type KafkaTool,
  runKafkaTool,
  startKafkaTool,
} from '../support/apache-kafka.ts';
import { kafkaJs, newTopic, readAll, sendAll, text, withAdmin } from './kafkajs-client.ts';
import { eventually, type KafkaPeer, PEER_KIND, startPeer, uniqueName } from './peer.ts';
import { newAdmin } from './platformatic-client.ts';

const missing = apacheKafkaMissing();
if (missing) process.stderr.write(`skipped: Kafka's own tools. ${missing}\n`);

let peer: KafkaPeer;
let folder: string;

beforeAll(async () => {
  if (missing) return;
  await installApacheKafka();
  peer = await startPeer();
  folder = mkdtempSync(join(tmpdir(), 'polymq-java-tools-'));
}, 300_000);
afterAll(() => peer?.stop());

/** Runs a tool against the peer and returns what it printed; anything but exit code 0 is an error. */
async function tool(name: KafkaTool, args: readonly string[], input?: string): Promise<string> {
  const outcome = await runKafkaTool(
    name,
    ['--bootstrap-server', peer.address, ...args],
    input === undefined ? {} : { input },
  );
  if (outcome.code !== 0) {
    throw new Error(
      `${name} ${args.join(' ')} ended with ${outcome.code}: ${outcome.stdout}${outcome.stderr}`,
    );
  }
  return outcome.stdout;
}

const lines = (output: string) => output.split('\n').filter((line) => line !== '');

const numbered = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ value: `${index}` }));

/** The lines of JSON that the verifiable tools print. */
const events = (output: string) =>
  lines(output)
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

// They need Java and Maven; the reason is in the name of what is skipped.
describe.skipIf(missing !== undefined)("Kafka's own tools", () => {
  test('broker-api-versions finds a broker it can work with', async () => {
    const printed = await tool('broker-api-versions', []);
    expect(printed).toContain(`${peer.address} (id:`);
    expect(printed).toMatch(/Produce\(0\): 0 to \d+ \[usable: \d+\]/);
    expect(printed).not.toMatch(/Fetch\(1\).*UNSUPPORTED/);
  });

  test('console producer and consumer pass keys, headers and values', async () => {
    const topic = uniqueName('console');
    await tool(
      'console-producer',
      [
        ...['--topic', topic],
        ...['--reader-property', 'parse.key=true', '--reader-property', 'parse.headers=true'],
      ],
      'trace:abc\tk1\tv1\ntrace:def\tk2\tv2\n',
    );
    const printed = await tool('console-consumer', [
      ...['--topic', topic, '--from-beginning', '--max-messages', '2', '--timeout-ms', '20000'],
      ...['--formatter-property', 'print.key=true', '--formatter-property', 'print.headers=true'],
    ]);
    expect(lines(printed)).toEqual(['trace:abc\tk1\tv1', 'trace:def\tk2\tv2']);
  });

  test.each(['gzip', 'snappy', 'lz4', 'zstd'])('the console producer with %s', async (codec) => {
    const topic = uniqueName(`console-${codec}`);
    const sent = Array.from({ length: 300 }, (_, index) => `line ${index % 7}`);
    await tool(
      'console-producer',
      ['--topic', topic, '--compression-codec', codec],
      `${sent.join('\n')}\n`,
    );
    const printed = await tool('console-consumer', [
      ...['--topic', topic, '--from-beginning', '--max-messages', '300', '--timeout-ms', '20000'],
    ]);
    expect(lines(printed)).toEqual(sent);
  });

  test('the verifiable producer gets an acknowledgement for every message', async () => {
    const topic = await newTopic(kafkaJs(peer), 'verifiable', 3);
    const printed = await tool('verifiable-producer', [
      ...['--topic', topic, '--max-messages', '1000', '--acks', '-1'],
    ]);
    expect(events(printed).find(({ name }) => name === 'tool_data')).toMatchObject({
      sent: 1000,
      acked: 1000,
    });
    const got = await readAll(kafkaJs(peer), topic, 1000);
    expect(new Set(got.map(({ message }) => text(message.value))).size).toBe(1000);
  });

  test('two verifiable consumers share a topic and commit', async () => {
    const topic = await newTopic(kafkaJs(peer), 'verifiable-consumer', 4);
    const groupId = uniqueName('verifiable');
    const args = [
      ...['--bootstrap-server', peer.address, '--topic', topic, '--group-id', groupId],
      ...['--session-timeout', '6000', '--reset-policy', 'earliest', '--enable-autocommit'],
    ];
    const consumers = [
      await startKafkaTool('verifiable-consumer', args),
      await startKafkaTool('verifiable-consumer', args),
    ];
    // What each holds now: the last assignment it told of.
    const assigned = (index: number) =>
      events(consumers[index]!.stdout)
        .filter(({ name }) => name === 'partitions_assigned')
        .at(-1)?.['partitions'] as unknown[] | undefined;
    await eventually('each has two partitions', () =>
      assigned(0)?.length === 2 && assigned(1)?.length === 2 ? true : undefined,
    );
    await sendAll(
      kafkaJs(peer),
      topic,
      Array.from({ length: 200 }, (_, index) => ({ key: `${index}`, value: 'v' })),
    );
    const consumed = () =>
      consumers
        .flatMap(({ stdout }) => events(stdout))
        .filter(({ name }) => name === 'records_consumed')
        .reduce((sum, { count }) => sum + (count as number), 0);
    await eventually('all 200 came', () => (consumed() >= 200 ? true : undefined));
    for (const consumer of consumers) await consumer.stop();
    expect(consumed()).toBe(200);
    const committed = await withAdmin(kafkaJs(peer), (admin) =>
      admin.fetchOffsets({ groupId, topics: [topic] }),
    );
    const sum = committed[0]!.partitions.reduce((total, { offset }) => total + Number(offset), 0);
    expect(sum).toBe(200);
  });

  test('the performance tools run through', async () => {
    const topic = await newTopic(kafkaJs(peer), 'performance', 2);
    const produced = await runKafkaTool('producer-perf-test', [
      ...['--topic', topic, '--num-records', '20000', '--record-size', '512'],
      ...['--throughput', '-1', '--producer-props', `bootstrap.servers=${peer.address}`],
    ]);
    expect(produced.stdout).toMatch(/20000 records sent/);
    const consumed = await tool('consumer-perf-test', [
      ...['--topic', topic, '--num-records', '20000'],
      ...['--timeout', '20000'],
    ]);
    const [, , , , count] = lines(consumed).at(-1)!.split(',');
    expect(Number(count)).toBeGreaterThanOrEqual(20000);
  });

  test('kafka-topics creates, describes, grows, lists and deletes', async () => {
    const topic = uniqueName('topics');
    await tool('topics', [
      ...['--create', '--topic', topic, '--partitions', '2', '--config', 'retention.ms=3600000'],
    ]);
    const described = await tool('topics', ['--describe', '--topic', topic]);
    expect(described).toMatch(/PartitionCount:\s*2\s+ReplicationFactor:\s*1/);
    expect(described).toMatch(/Configs:.*retention\.ms=3600000/);
    expect(described.match(/Partition: \d/g)).toEqual(['Partition: 0', 'Partition: 1']);
    await tool('topics', ['--alter', '--topic', topic, '--partitions', '4']);
    expect(await tool('topics', ['--describe', '--topic', topic])).toMatch(/PartitionCount:\s*4/);
    expect(lines(await tool('topics', ['--list']))).toContain(topic);
    await tool('topics', ['--delete', '--topic', topic]);
    await eventually('it is gone', async () =>
      lines(await tool('topics', ['--list'])).includes(topic) ? undefined : true,
    );
  });

  test('kafka-configs sets, shows and removes a setting of a topic', async () => {
    const topic = await newTopic(kafkaJs(peer), 'configs');
    const entity = ['--entity-type', 'topics', '--entity-name', topic];
    await tool('configs', [...entity, '--alter', '--add-config', 'retention.bytes=1048576']);
    expect(await tool('configs', [...entity, '--describe'])).toContain('retention.bytes=1048576');
    await tool('configs', [...entity, '--alter', '--delete-config', 'retention.bytes']);
    expect(await tool('configs', [...entity, '--describe'])).not.toContain('retention.bytes');
  });

  test('kafka-configs shows every setting of a topic and of the broker', async () => {
    const topic = await newTopic(kafkaJs(peer), 'configs-all');
    const ofTopic = ['--entity-type', 'topics', '--entity-name', topic];
    expect(await tool('configs', [...ofTopic, '--describe', '--all'])).toContain('cleanup.policy=');
    const nodeId = (await withAdmin(kafkaJs(peer), (admin) => admin.describeCluster())).controller;
    const ofBroker = ['--entity-type', 'brokers', '--entity-name', `${nodeId}`];
    expect(await tool('configs', [...ofBroker, '--describe', '--all'])).toContain('=');
  });

  test('kafka-consumer-groups lists, describes, resets and deletes', async () => {
    const topic = await newTopic(kafkaJs(peer), 'consumer-groups', 1);
    const groupId = uniqueName('consumer-groups');
    await sendAll(kafkaJs(peer), topic, numbered(10));
    await readAll(kafkaJs(peer), topic, 10, { groupId });
    expect(lines(await tool('consumer-groups', ['--list']))).toContain(groupId);
    const described = await tool('consumer-groups', ['--describe', '--group', groupId]);
    const row = lines(described)
      .find((line) => line.includes(topic))!
      .split(/\s+/);
    expect(row.slice(0, 6)).toEqual([groupId, topic, '0', '10', '10', '0']);
    expect(await tool('consumer-groups', ['--describe', '--group', groupId, '--state'])).toMatch(
      /Empty\s+0/,
    );
    await tool('consumer-groups', [
      ...['--group', groupId, '--topic', topic, '--reset-offsets', '--to-offset', '4', '--execute'],
    ]);
    const reset = await tool('consumer-groups', ['--describe', '--group', groupId]);
    expect(
      lines(reset)
        .find((line) => line.includes(topic))!
        .split(/\s+/)[5],
    ).toBe('6');
    await tool('consumer-groups', ['--group', groupId, '--topic', topic, '--delete-offsets']);
    await tool('consumer-groups', ['--delete', '--group', groupId]);
    expect(lines(await tool('consumer-groups', ['--list']))).not.toContain(groupId);
  });

  test('kafka-get-offsets and kafka-delete-records agree on what is left', async () => {
    const topic = await newTopic(kafkaJs(peer), 'get-offsets', 1);
    await sendAll(kafkaJs(peer), topic, numbered(10));
    const ask = async (time: string) =>
      lines(await tool('get-offsets', ['--topic', topic, '--time', time]))[0];
    expect(await ask('-1')).toBe(`${topic}:0:10`);
    expect(await ask('-2')).toBe(`${topic}:0:0`);
    const wish = join(folder, 'delete.json');
    writeFileSync(
      wish,
      JSON.stringify({ partitions: [{ topic, partition: 0, offset: 7 }], version: 1 }),
    );
    expect(await tool('delete-records', ['--offset-json-file', wish])).toMatch(/low_watermark: 7/);
    expect(await ask('earliest')).toBe(`${topic}:0:7`);
    expect(await ask('latest')).toBe(`${topic}:0:10`);
  });

  test('kafka-get-offsets finds the record with the largest timestamp', async () => {
    const topic = await newTopic(kafkaJs(peer), 'max-timestamp', 1);
    for (const secondsAgo of [30, 10, 20]) {
      const timestamp = `${Date.now() - secondsAgo * 1000}`;
      await sendAll(kafkaJs(peer), topic, [{ value: 'v', timestamp }]);
    }
    const printed = await tool('get-offsets', ['--topic', topic, '--time', 'max-timestamp']);
    expect(lines(printed)).toEqual([`${topic}:0:1`]);
  });
});

// It reads this broker's segment files, so the broker must be ours.
describe.skipIf(missing !== undefined || PEER_KIND !== 'polymq')("Kafka's log dump tool", () => {
  test('reads the segments of a broker that was stopped', async () => {
    const js = kafkaJs(peer);
    const topic = await newTopic(js, 'dumped');
    for (let round = 0; round < 4; round += 1) {
      await sendAll(js, topic, [
        { key: `key-${round}`, value: `value-${round}`, headers: { trace: `${round}` } },
        { value: 'second' },
      ]);
    }
    await sendAll(js, topic, numbered(20), { compression: 1, idempotent: true });
    // Logs are named by the id of their topic, which outlives no deletion.
    const admin = newAdmin(peer);
    const id = (await admin.metadata({ topics: [topic] })).topics.get(topic)!.id;
    await admin.close();
    expect(await peer.stopCleanly()).toBe(0);
    const segment = segmentsOf(peer.data).find((path) => path.includes(id))!;
    expect(segment).toMatch(/00000000000000000000\.log$/);
    const outcome = await runKafkaTool('dump-log', [
      ...['--files', segment, '--print-data-log', '--deep-iteration'],
    ]);
    expect(outcome.code).toBe(0);
    const batches = lines(outcome.stdout).filter((line) => line.startsWith('baseOffset:'));
    expect(
      batches.map((line) => /baseOffset: (\d+) lastOffset: (\d+)/.exec(line)?.slice(1)),
    ).toEqual([
      ['0', '1'],
      ['2', '3'],
      ['4', '5'],
      ['6', '7'],
      ['8', '27'],
    ]);
    expect(batches.every((line) => line.includes('isvalid: true'))).toBe(true);
    expect(batches.at(-1)).toContain('compresscodec: gzip');
    expect(outcome.stdout).toContain('payload: value-3');
    expect(outcome.stdout.match(/\| offset: \d+/g)).toHaveLength(28);
  });
});

function segmentsOf(data: string): string[] {
  return readdirSync(join(data, 'logs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.log'))
    .map((name) => join(data, 'logs', name));
}
