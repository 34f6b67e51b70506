/** `npm run bench -- jobs`: the SDK, embedded and with a server, beside BullMQ on redis-server. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startPolymq } from '../../packages/polymq/test/support/polymq.ts';
import { redisMissing, startRealRedis } from '../../packages/polymq/test/support/redis-server.ts';
import { temporaryFolder } from '../../packages/polymq/test/support/temporary-folder.ts';
import { cpuSeconds, memoryOf } from '../lib/process-usage.ts';
import { headLines, positive, progress, settingsOf, writeReport } from '../lib/report.ts';
import { median } from '../lib/statistics.ts';
import { formatNumber, formatTable, times } from '../lib/table.ts';
import type { LoadOrder, LoadResult } from './load.ts';

/** What the jobs are kept by. */
interface Target {
  readonly name: string;
  readonly engine: 'bullmq' | 'polymq';
  readonly remark: string;
  start(): Promise<{ url: string; pid: number | undefined; stop(): Promise<void> }>;
}

interface Measured extends LoadResult {
  readonly target: string;
  readonly version: string;
  /** Of the server, per job; µs. NaN if there is none. */
  readonly serverCpuUs: number;
  /** Bytes per waiting job, of whoever keeps it. */
  readonly waitingBytes: number;
}

const USAGE = `usage: npm run bench -- jobs [options]
  --runs N --seconds N --quick   how often and how long (3 runs of 3 s)
  --waiting N                    jobs that wait for the memory figure (200000)
  --concurrency N                handlers at the same time (100)
  --batch N                      jobs per call (1000)
  --in-flight N,N,…              calls at the same time, of one job each (10,100,1000)
  --only NAME                    bullmq, embedded or polymq
  --json FILE                    where everything that was measured goes
`;

const LOAD = fileURLToPath(new URL('./load.ts', import.meta.url));

const TARGETS: readonly Target[] = [
  {
    name: 'bullmq',
    engine: 'bullmq',
    remark: 'BullMQ on redis-server (Debian package), nothing saved to disk',
    async start() {
      const redis = await startRealRedis();
      return { url: `redis://127.0.0.1:${redis.port}`, pid: redis.pid, stop: () => redis.stop() };
    },
  },
  {
    name: 'embedded',
    engine: 'polymq',
    remark: 'in process, synced to disk',
    async start() {
      const data = temporaryFolder('polymq-jobs-');
      return { url: `embedded:${data.path}`, pid: undefined, stop: async () => data.remove() };
    },
  },
  {
    name: 'polymq',
    engine: 'polymq',
    remark: 'server over the wire, synced to disk',
    async start() {
      const data = temporaryFolder('polymq-jobs-');
      const broker = await startPolymq({
        data: data.path,
        listen: ['amqp', 'kafka', 'http'].map((scheme) => `${scheme}://127.0.0.1:0`),
      });
      const ports = ['amqp', 'kafka', 'http'].map((scheme) => `${scheme}=${broker.port(scheme)}`);
      return {
        url: `polymq://127.0.0.1?${ports.join('&')}`,
        pid: broker.pid,
        stop: async () => {
          await broker.stop();
          data.remove();
        },
      };
    },
  },
];

export async function benchJobs(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: 'string' },
      seconds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      waiting: { type: 'string', default: '200000' },
      concurrency: { type: 'string', default: '100' },
      batch: { type: 'string', default: '1000' },
      'in-flight': { type: 'string', default: '10,100,1000' },
      only: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const missing = redisMissing();
  if (missing !== undefined) {
    process.stderr.write(`${missing}\n`);
    return 2;
  }
  const settings = settingsOf({ ...values, durability: 'fsync' });
  const order: LoadOrder = {
    addSeconds: settings.seconds,
    batch: positive('batch', values.batch),
    inFlight: values['in-flight'].split(',').map((text) => positive('in-flight', text)),
    concurrency: positive('concurrency', values.concurrency),
    waiting: 0,
  };
  const waiting = positive('waiting', values.waiting);
  const targets = TARGETS.filter(({ name }) => values.only === undefined || name === values.only);
  // One after the other in each round, so that a busy minute of the machine hits all of them.
  const rounds: Measured[] = [];
  for (let round = 1; round <= settings.runs; round += 1) {
    for (const target of targets) {
      progress(`round ${round}: ${target.name}`);
      rounds.push(await measure(target, order, waiting));
    }
  }
  const results = targets.map(({ name }) =>
    medians(rounds.filter(({ target }) => target === name)),
  );
  const head = headLines(settings, results, { generator: 'one per engine', meaning: MEANING });
  process.stdout.write(`${head.join('\n')}\n${describe(results, order.inFlight)}\n`);
  return writeReport('jobs', values.json, { settings, failures: [], results, rounds });
}

const MEANING =
  'jobs of 100 bytes; added in batches, 4 calls at a time, or one per call; processed by handlers that do nothing; memory of who keeps them';

async function measure(target: Target, order: LoadOrder, waiting: number): Promise<Measured> {
  const work = await withLoad(target, order);
  const wait = await withLoad(target, { ...order, waiting });
  const kept =
    wait.serverMib === undefined ? wait.waitingRss - wait.emptyRss : wait.serverMib * 1024 * 1024;
  return {
    ...work,
    emptyRss: wait.emptyRss,
    waitingRss: wait.waitingRss,
    target: target.name,
    version: target.remark,
    serverCpuUs: (work.serverCpuS * 1e6) / work.processed,
    waitingBytes: kept / waiting,
  };
}

async function withLoad(
  target: Target,
  order: LoadOrder,
): Promise<LoadResult & { serverCpuS: number; serverMib: number | undefined }> {
  const server = await target.start();
  try {
    const beforeS = cpuSeconds(server.pid);
    const beforeMib = memoryOf(server.pid).rssMib;
    const result = await runLoad(target.engine, server.url, order);
    return {
      ...result,
      serverCpuS: cpuSeconds(server.pid) - beforeS,
      serverMib: server.pid === undefined ? undefined : memoryOf(server.pid).rssMib - beforeMib,
    };
  } finally {
    await server.stop();
  }
}

function runLoad(engine: string, url: string, order: LoadOrder): Promise<LoadResult> {
  const args = ['--expose-gc', '--import', import.meta.resolve('tsx'), LOAD];
  const child = spawn(process.execPath, [...args, engine, url, JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once('close', (code) => {
      const line = output.trim().split('\n').at(-1) ?? '';
      if (code === 0) resolve(JSON.parse(line) as LoadResult);
      else reject(new Error(`the load for ${engine} ended with ${code}`));
    });
  });
}

function medians(rounds: readonly Measured[]): Measured {
  const of = (value: unknown, pick: (round: Measured) => unknown): unknown => {
    if (Array.isArray(value)) {
      return value.map((each, index) => of(each, (round) => (pick(round) as unknown[])[index]));
    }
    return typeof value === 'number' ? median(rounds.map((round) => pick(round) as number)) : value;
  };
  const entries = Object.entries(rounds[0]!).map(([name, value]) => {
    return [name, of(value, (round) => round[name as keyof Measured])];
  });
  return Object.fromEntries(entries) as unknown as Measured;
}

/** A row per target; behind each rate stands how many times BullMQ's that is. */
function describe(results: readonly Measured[], inFlight: readonly number[]): string {
  const peer = results.find(({ target }) => target === 'bullmq');
  const columns: [name: string, cell: (result: Measured) => string][] = [
    ['', ({ target }) => target],
    rate('batched/s', ({ batchedPerS }) => batchedPerS, peer),
    ...inFlight.map((calls, index) => {
      return rate(`single/s, ${calls} at once`, ({ singlePerS }) => singlePerS[index]!, peer);
    }),
    rate('processed/s', ({ processedPerS }) => processedPerS, peer),
    [
      'CPU µs',
      (result) => [result.batchedCpuUs, result.processedCpuUs].map(formatNumber).join(' / '),
    ],
    ['MiB per million', ({ waitingBytes }) => formatNumber((waitingBytes * 1e6) / 1024 / 1024)],
  ];
  const rows = results.map((result) => columns.map(([, cell]) => cell(result)));
  return formatTable(
    columns.map(([name]) => name),
    rows,
  );
}

function rate(
  name: string,
  pick: (result: Measured) => number,
  peer: Measured | undefined,
): [name: string, cell: (result: Measured) => string] {
  const cell = (result: Measured): string => {
    const text = formatNumber(pick(result));
    return peer === undefined ? text : `${text} (${times(pick(result) / pick(peer))})`;
  };
  return [name, cell];
}
