import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Child, startChild } from '../support/child.ts';
import { kafkaJs, newTopic, readAll, sendAll, text } from './kafkajs-client.ts';
import { eventually, type KafkaPeer, startPeer, uniqueName } from './peer.ts';

const missing = spawnSync('kcat', ['-V']).error !== undefined;
if (missing) process.stderr.write('skipped: kcat (apt-get install kcat)\n');

let peer: KafkaPeer;

beforeAll(async () => {
  if (!missing) peer = await startPeer();
});
afterAll(() => peer?.stop());

function start(args: readonly string[], input?: string): Child {
  return startChild({ name: 'kcat', command: 'kcat', args: ['-b', peer.address, ...args], input });
}

/** Runs kcat to its end and returns what it printed; anything but exit code 0 is an error. */
async function kcat(args: readonly string[], input?: string): Promise<string> {
  const child = start(args, input);
  const timer = setTimeout(() => child.signal('SIGKILL'), 60_000);
  const exit = await child.exited;
  clearTimeout(timer);
  if (exit.code !== 0) {
    throw new Error(`kcat ${args.join(' ')} ended with ${exit.code}: ${child.stderr}`);
  }
  return child.stdout;
}

const lines = (output: string) => output.split('\n').filter((line) => line !== '');

const produce = (topic: string, messages: readonly string[], ...args: string[]) =>
  kcat(['-P', '-t', topic, ...args], messages.map((line) => `${line}\n`).join(''));

const consume = async (topic: string, ...args: string[]) =>
  lines(await kcat(['-C', '-t', topic, '-o', 'beginning', '-e', '-q', ...args]));

interface Listing {
  brokers: { id: number; name: string }[];
  topics: { topic: string; partitions: { partition: number; leader: number }[] }[];
}

describe.skipIf(missing)('kcat', () => {
  test('-L lists the broker at the address it was asked at', async () => {
    const listing = JSON.parse(await kcat(['-L', '-J'])) as Listing;
    expect(listing.brokers.map(({ name }) => name)).toEqual([peer.address]);
  });

  test('-L shows the partitions of a topic', async () => {
    const topic = await newTopic(kafkaJs(peer), 'listed', 3);
    const listing = JSON.parse(await kcat(['-L', '-J', '-t', topic])) as Listing;
    expect(listing.topics).toHaveLength(1);
    expect(listing.topics[0]?.partitions.map(({ partition }) => partition)).toEqual([0, 1, 2]);
  });

  test('-P to a new topic, -C gets the lines back in order', async () => {
    const topic = uniqueName('kcat');
    const sent = Array.from({ length: 500 }, (_, index) => `line ${index}`);
    await produce(topic, sent);
    expect(await consume(topic)).toEqual(sent);
  });

  test('a topic with nothing in it is at its end at once', async () => {
    const topic = await newTopic(kafkaJs(peer), 'empty');
    expect(await consume(topic)).toEqual([]);
  });

  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])('-z %s', async (codec) => {
    const topic = uniqueName(`codec-${codec}`);
    const sent = Array.from({ length: 2000 }, (_, index) => `compressible line ${index % 10}`);
    await produce(topic, sent, '-z', codec, '-X', 'linger.ms=200');
    expect(await consume(topic)).toEqual(sent);
  });

  test('one partition may hold batches of all codecs', async () => {
    const topic = await newTopic(kafkaJs(peer), 'codecs');
    const codecs = ['gzip', 'none', 'snappy', 'lz4', 'zstd', 'gzip'];
    for (const codec of codecs) {
      await produce(topic, [codec.padEnd(500, '.'), codec.padEnd(500, '-')], '-z', codec);
    }
    const got = await consume(topic, '-o', 'beginning', '-f', '%o %s\\n');
    expect(got.map((line) => line.replace(/[.-]+$/, ''))).toEqual(
      codecs.flatMap((codec, index) => [`${2 * index} ${codec}`, `${2 * index + 1} ${codec}`]),
    );
  });

  test('keys and headers arrive', async () => {
    const topic = uniqueName('headers');
    await produce(topic, ['k1:v1', 'k2:v2'], '-K', ':', '-H', 'trace=abc', '-H', 'second=2');
    expect(await consume(topic, '-f', '%k|%s|%h\\n')).toEqual([
      'k1|v1|trace=abc,second=2',
      'k2|v2|trace=abc,second=2',
    ]);
  });

  test('an empty value sent with -Z is a null value', async () => {
    const topic = uniqueName('null');
    await produce(topic, ['k1:', 'k2:x'], '-K', ':', '-Z');
    expect(await consume(topic, '-f', '%k %S\\n')).toEqual(['k1 -1', 'k2 1']);
  });

  test('an idempotent producer stores every line once and in order', async () => {
    const topic = await newTopic(kafkaJs(peer), 'idempotent');
    const sent = Array.from({ length: 3000 }, (_, index) => `${index}`);
    await produce(topic, sent, '-X', 'enable.idempotence=true', '-X', 'batch.num.messages=50');
    expect(await consume(topic)).toEqual(sent);
  });

  test('acks=0 and acks=1 store the lines', async () => {
    for (const acks of ['0', '1']) {
      const topic = await newTopic(kafkaJs(peer), `acks-${acks}`);
      await produce(topic, ['a', 'b'], '-X', `acks=${acks}`);
      await eventually('both lines are there', async () =>
        (await consume(topic)).length === 2 ? true : undefined,
      );
    }
  });

  test('a line of 900 KB arrives whole', async () => {
    const topic = uniqueName('big');
    const line = 'x'.repeat(900_000);
    await produce(topic, [line]);
    expect((await consume(topic))[0] === line).toBe(true);
  });

  test('a message above the limit of the topic is refused', async () => {
    const topic = await newTopic(kafkaJs(peer), 'too-big', 1, [
      { name: 'max.message.bytes', value: '1000' },
    ]);
    await expect(produce(topic, ['x'.repeat(5000)])).rejects.toThrow(/too large/i);
  });

  test('-o takes an offset, a distance from the end and a partition', async () => {
    const topic = await newTopic(kafkaJs(peer), 'positions', 2);
    await produce(topic, ['a', 'b', 'c', 'd'], '-p', '1');
    const from = async (position: string) =>
      lines(await kcat(['-C', '-t', topic, '-p', '1', '-o', position, '-e', '-q']));
    expect(await from('2')).toEqual(['c', 'd']);
    expect(await from('-1')).toEqual(['d']);
    expect(await from('end')).toEqual([]);
  });

  test('-Q finds offsets by timestamp, -1 and -2', async () => {
    const kafka = kafkaJs(peer);
    const topic = await newTopic(kafka, 'by-time');
    const start = Date.now() - 600_000;
    for (const time of [1000, 2000, 3000]) {
      await sendAll(kafka, topic, [{ value: `${time}`, timestamp: `${start + time}` }]);
    }
    const ask = async (timestamp: number) =>
      (await kcat(['-Q', '-t', `${topic}:0:${timestamp}`])).trim().split(' ').at(-1);
    const at = (time: number) => ask(start + time);
    expect([await at(1), await at(1500), await at(3000)]).toEqual(['0', '1', '2']);
    expect(await at(3001)).toBe('-1');
    expect([await ask(-2), await ask(-1)]).toEqual(['0', '3']);
  });

  test('-o s@ and e@ read the messages between two times', async () => {
    const kafka = kafkaJs(peer);
    const topic = await newTopic(kafka, 'between');
    const start = Date.now() - 600_000;
    for (const time of [1000, 2000, 3000, 4000]) {
      await sendAll(kafka, topic, [{ value: `${time}`, timestamp: `${start + time}` }]);
    }
    const range = ['-o', `s@${start + 2000}`, '-o', `e@${start + 4000}`];
    const got = await kcat(['-C', '-t', topic, ...range, '-q']);
    expect(lines(got)).toEqual(['2000', '3000']);
  });

  test('keys go to the partitions to which kafkajs and the Java client send them', async () => {
    const kafka = kafkaJs(peer);
    const topics = [await newTopic(kafka, 'kcat-keys', 7), await newTopic(kafka, 'js-keys', 7)];
    const keys = Array.from({ length: 40 }, (_, index) => `key-${index}`);
    // murmur2_random is librdkafka's copy of the Java client's partitioner.
    const partitioner = ['-X', 'topic.partitioner=murmur2_random'];
    await produce(
      topics[0]!,
      keys.map((key) => `${key}:v`),
      '-K',
      ':',
      ...partitioner,
    );
    await sendAll(
      kafka,
      topics[1]!,
      keys.map((key) => ({ key, value: 'v' })),
    );
    const placed = async (topic: string) => {
      const got = await readAll(kafka, topic, keys.length);
      return new Map(got.map(({ message, partition }) => [text(message.key)!, partition]));
    };
    const [byKcat, byKafkaJs] = [await placed(topics[0]!), await placed(topics[1]!)];
    expect(keys.map((key) => byKcat.get(key))).toEqual(keys.map((key) => byKafkaJs.get(key)));
  });
});

describe.skipIf(missing)('kcat -G', () => {
  const groupArgs = (groupId: string, topics: string[], ...more: string[]) => [
    '-G',
    groupId,
    '-X',
    'auto.offset.reset=earliest',
    '-X',
    'heartbeat.interval.ms=300',
    '-X',
    'session.timeout.ms=6000',
    ...more,
    ...topics,
  ];

  /** The lines a running kcat has printed so far. */
  const printed = (child: Child) => lines(child.stdout);

  test('a group reads a topic once and goes on behind it the next time', async () => {
    const topic = await newTopic(kafkaJs(peer), 'group', 2);
    const groupId = uniqueName('group');
    await produce(topic, ['a', 'b', 'c', 'd']);
    const read = async () => lines(await kcat(groupArgs(groupId, [topic], '-e', '-q'))).sort();
    expect(await read()).toEqual(['a', 'b', 'c', 'd']);
    await produce(topic, ['e', 'f']);
    expect(await read()).toEqual(['e', 'f']);
    expect(await read()).toEqual([]);
  });

  test.each(['range', 'roundrobin', 'cooperative-sticky'])(
    'two members share the partitions: %s',
    async (strategy) => {
      const topic = await newTopic(kafkaJs(peer), 'shared', 4);
      const groupId = uniqueName(`shared-${strategy}`);
      const args = groupArgs(
        groupId,
        [topic],
        '-u',
        '-f',
        '%p\\n',
        '-X',
        `partition.assignment.strategy=${strategy}`,
      );
      const first = start(args);
      await first.waitForLine(/assigned|assign/i, 30_000);
      const second = start(args);
      const partitionsOf = (child: Child) => [...new Set(printed(child))].sort();
      // Whatever is sent before the rebalance is over may reach either: send until both got some.
      const seen = await eventually(
        'each has its own two partitions',
        async () => {
          const before = [printed(first).length, printed(second).length] as const;
          for (const partition of ['0', '1', '2', '3']) {
            await produce(topic, ['x'], '-p', partition);
          }
          await eventually('four more came', () =>
            printed(first).length + printed(second).length >= before[0] + before[1] + 4
              ? true
              : undefined,
          );
          const one = new Set(printed(first).slice(before[0]));
          const two = new Set(printed(second).slice(before[1]));
          return one.size === 2 && two.size === 2 ? [...one, ...two].sort() : undefined;
        },
        60_000,
      );
      expect(seen).toEqual(['0', '1', '2', '3']);
      await second.stop();
      // The one that stays takes everything back.
      await eventually(
        'the first member got all four again',
        async () => {
          const before = printed(first).length;
          for (const partition of ['0', '1', '2', '3']) {
            await produce(topic, ['y'], '-p', partition);
          }
          await eventually('it got some', () =>
            printed(first).length > before ? true : undefined,
          );
          await new Promise((resolve) => setTimeout(resolve, 300));
          return new Set(printed(first).slice(before)).size === 4 ? true : undefined;
        },
        60_000,
      );
      expect(partitionsOf(first)).toEqual(['0', '1', '2', '3']);
      await first.stop();
    },
  );

  test('a static member that comes back keeps its partitions without a rebalance', async () => {
    const kafka = kafkaJs(peer);
    const topic = await newTopic(kafka, 'static', 2);
    const groupId = uniqueName('static');
    const args = (instance: string) =>
      groupArgs(
        groupId,
        [topic],
        '-u',
        '-f',
        '%p %s\\n',
        '-X',
        'session.timeout.ms=30000',
        '-X',
        `group.instance.id=${instance}`,
      );
    const stays = start(args('stays'));
    await stays.waitForLine(/assigned/, 30_000);
    const restarts = start(args('restarts'));
    await restarts.waitForLine(/assigned/, 60_000);
    const rebalances = () => stays.stderr.match(/rebalanced/g)?.length ?? 0;
    await produce(topic, ['a'], '-p', '0');
    await produce(topic, ['a'], '-p', '1');
    await eventually('both got one', () =>
      printed(stays).length + printed(restarts).length >= 2 ? true : undefined,
    );
    const before = rebalances();
    expect(before).toBeGreaterThan(0);
    await restarts.kill9();
    const again = start(args('restarts'));
    await again.waitForLine(/assigned/, 30_000);
    await produce(topic, ['b'], '-p', '0');
    await produce(topic, ['b'], '-p', '1');
    await eventually('both got another', () =>
      printed(stays).length + printed(again).length >= 2 &&
      [...printed(stays), ...printed(again)].filter((line) => line.endsWith('b')).length >= 2
        ? true
        : undefined,
    );
    expect(rebalances()).toBe(before);
    await again.stop();
    await stays.stop();
  });
});
