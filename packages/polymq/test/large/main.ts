/**
 * `npm run test:large -- --gib 10`: one topic of many gigabytes. With `--amqp` or `--sqs`: large queues (`amqp.ts`, `sqs.ts`); with
 * `--live`: many and slow subscribers (`live.ts`).
 *
 *   fill ─► clean stop ─► start (below 1 s) ─► read from the middle
 *        ─► more, kill -9 ─► start (below 5 s per GiB that was not stopped cleanly) ─► read
 *
 * Memory is taken after each start, on an empty log and on the full one: it must not grow with the log.
 */
import { parseArgs } from 'node:util';
import { createTopic, endOffsets } from '../../../../bench/kafka/admin.ts';
import { openFetchLoad } from '../../../../bench/kafka/fetch-load.ts';
import { recordsPerBatch } from '../../../../bench/kafka/frames.ts';
import { measure } from '../../../../bench/kafka/measure.ts';
import {
  batchBytesOf,
  openProduceLoad,
  type ProduceShape,
} from '../../../../bench/kafka/produce-load.ts';
import type { Target } from '../../../../bench/kafka/targets.ts';
import { type Polymq, startPolymq } from '../support/polymq.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { largeAmqp } from './amqp.ts';
import { folderBytes, memoryMib, say } from './figures.ts';
import { largeLive } from './live.ts';
import { largeSqs } from './sqs.ts';

const GIB = 2 ** 30;
const TOPIC = 'large';
const CLEAN_START_MS_MAX = 1000;
const UNCLEAN_START_MS_PER_GIB_MAX = 5000;
/** What a full log may cost in memory: the tail cache and what reading has touched. */
const MEMORY_GROWTH_MIB_MAX = 256;
const RECORD_BYTES = 1024;

const shape: ProduceShape = {
  topic: TOPIC,
  partitions: 1,
  partitionsPerRequest: 1,
  recordBytes: RECORD_BYTES,
  recordsPerBatch: recordsPerBatch(RECORD_BYTES, 128 * 1024),
  connections: 4,
  inFlight: 16,
};

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  if (args.includes('--amqp')) return largeAmqp(args);
  if (args.includes('--sqs')) return largeSqs(args);
  if (args.includes('--live')) return largeLive(args);
  const { values } = parseArgs({
    options: {
      gib: { type: 'string', default: '10' },
      'unclean-gib': { type: 'string', default: '1' },
      durability: { type: 'string', default: 'os' },
      data: { type: 'string' },
    },
  });
  const [gib, uncleanGib] = [Number(values.gib), Number(values['unclean-gib'])];
  const folder = temporaryFolder('polymq-large-', values.data);
  const start = () =>
    startPolymq({
      data: folder.path,
      listen: ['kafka://127.0.0.1:0'],
      args: ['--durability', values.durability],
    });
  const problems: string[] = [];

  let broker = await start();
  const emptyMib = memoryMib(broker.pid);
  say(`empty: started in ${broker.startMs.toFixed(0)} ms, ${emptyMib.toFixed(0)} MiB resident`);
  await createTopic(targetOf(broker), TOPIC, 1);
  await fill(broker, gib * GIB);
  const end = await endOf(broker);
  say(
    `filled: ${end} records, ${(folderBytes(folder.path) / GIB).toFixed(2)} GiB, ${memoryMib(broker.pid).toFixed(0)} MiB resident`,
  );
  const stopping = performance.now();
  const exit = await broker.stop(120_000);
  if (exit.code !== 0) problems.push(`a clean stop ended with ${JSON.stringify(exit)}`);
  say(`stopped in ${(performance.now() - stopping).toFixed(0)} ms`);

  broker = await start();
  const cleanMs = broker.startMs;
  if (cleanMs > CLEAN_START_MS_MAX) problems.push(`a clean start took ${cleanMs.toFixed(0)} ms`);
  say(
    `after a clean stop: started in ${cleanMs.toFixed(0)} ms (${broker.readyMs} by its own clock), ${memoryMib(broker.pid).toFixed(0)} MiB resident`,
  );
  problems.push(...(await expectEnd(broker, end)));
  await readSome(broker, end);
  problems.push(...expectMemory(memoryMib(broker.pid), emptyMib, 'after reading'));

  await fill(broker, uncleanGib * GIB);
  const more = await endOf(broker);
  await broker.kill9();
  broker = await start();
  const perGib = broker.startMs / uncleanGib;
  if (perGib > UNCLEAN_START_MS_PER_GIB_MAX)
    problems.push(`recovery took ${perGib.toFixed(0)} ms per GiB`);
  say(
    `after kill -9 behind ${uncleanGib} GiB: started in ${broker.startMs.toFixed(0)} ms (${perGib.toFixed(0)} ms per GiB), ${memoryMib(broker.pid).toFixed(0)} MiB resident`,
  );
  problems.push(...(await expectEnd(broker, more)));
  await readSome(broker, more);
  problems.push(...expectMemory(memoryMib(broker.pid), emptyMib, 'after recovery and reading'));
  await broker.stop(60_000);
  folder.remove();

  for (const problem of problems) say(`PROBLEM ${problem}`);
  say(problems.length === 0 ? 'within all limits' : `${problems.length} problems`);
  return problems.length === 0 ? 0 : 1;
}

async function fill(broker: Polymq, bytes: number): Promise<void> {
  const load = await openProduceLoad(targetOf(broker), { ...shape, bytesMax: bytes });
  const began = performance.now();
  load.start();
  await load.ended;
  await load.stop();
  const seconds = (performance.now() - began) / 1000;
  say(`wrote ${(bytes / GIB).toFixed(1)} GiB at ${(bytes / 1e6 / seconds).toFixed(0)} MB/s`);
}

/** Reads from places all over the log. */
async function readSome(broker: Polymq, endOffset: number): Promise<void> {
  const load = await openFetchLoad(targetOf(broker), {
    topic: TOPIC,
    partition: 0,
    startOffset: 0,
    endOffset,
    batchBytes: batchBytesOf(shape),
    recordsPerBatch: shape.recordsPerBatch,
    batchesPerFetch: 8,
    connections: 4,
    inFlight: 2,
  });
  const read = await measure(targetOf(broker), load, { warmUpSeconds: 0, seconds: 3 });
  say(
    `read at ${read.mbPerSecond.toFixed(0)} MB/s from four places, p99 ${read.latency.p99Ms.toFixed(1)} ms`,
  );
}

async function endOf(broker: Polymq): Promise<number> {
  return (await endOffsets(targetOf(broker), TOPIC, 1))[0]!;
}

async function expectEnd(broker: Polymq, end: number): Promise<string[]> {
  const found = await endOf(broker);
  return found === end ? [] : [`the log ends at ${found}, acknowledged was ${end}`];
}

function expectMemory(mib: number, emptyMib: number, when: string): string[] {
  const growth = mib - emptyMib;
  return growth <= MEMORY_GROWTH_MIB_MAX
    ? []
    : [`${growth.toFixed(0)} MiB more than empty ${when}`];
}

function targetOf(broker: Polymq): Target {
  return {
    name: 'polymq',
    version: '',
    durability: 'unknown',
    host: '127.0.0.1',
    port: broker.port('kafka'),
    pid: broker.pid,
    stop: async () => {},
  };
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(2);
  },
);
