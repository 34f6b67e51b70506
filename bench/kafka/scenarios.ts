/** The scenarios of `npm run bench -- kafka`, in the order in which they run. */
import { createTopic, deleteTopic, endOffsets, openLoad } from './admin.ts';
import type { Connection } from './connection.ts';
import { openFetchLoad } from './fetch-load.ts';
import { recordsPerBatch } from './frames.ts';
import { openLatencyLoad } from './latency-load.ts';
import { type Measurement, measure } from './measure.ts';
import { batchBytesOf, openProduceLoad, type ProduceShape } from './produce-load.ts';
import {
  freshTopic,
  progress,
  type Result,
  repeat,
  type Scenario,
  type Settings,
} from './scenario.ts';
import type { Target } from './targets.ts';

interface BatchSize {
  recordBytes: number;
  batchBytes: number;
  /** Requests in flight on each connection. */
  inFlight: number;
  quick?: boolean;
}

/** A batch of 100 bytes holds one record. */
const BATCH_SIZES: readonly BatchSize[] = [
  { recordBytes: 100, batchBytes: 100, inFlight: 256 },
  { recordBytes: 100, batchBytes: 16 * 1024, inFlight: 64, quick: true },
  { recordBytes: 100, batchBytes: 128 * 1024, inFlight: 16 },
  { recordBytes: 1024, batchBytes: 16 * 1024, inFlight: 64 },
  { recordBytes: 1024, batchBytes: 128 * 1024, inFlight: 16, quick: true },
  { recordBytes: 1024, batchBytes: 1024 * 1024, inFlight: 4 },
];

const LATENCY = { recordsPerSecond: 10_000, recordBytes: 1024 };
const MIB = 1024 * 1024;
const FILE_LOG_BYTES = 3 * 1024 * MIB;
const TAIL_LOG_BYTES = 32 * MIB;

type Report = (result: Result) => void;

/** Lets the broker's runtime compile what is hot, so that the first rows are not its start-up. */
export async function warmUp(target: Target, settings: Settings): Promise<void> {
  const topic = freshTopic('warm-up');
  const recordBytes = 1024;
  const shape = {
    topic,
    partitions: 1,
    partitionsPerRequest: 1,
    recordBytes,
    connections: settings.connections,
    inFlight: 16,
  };
  await createTopic(target, topic, 1);
  for (const batchBytes of [1024, 16 * 1024, 128 * 1024]) {
    const sized = { ...shape, recordsPerBatch: recordsPerBatch(recordBytes, batchBytes) };
    const load = await openProduceLoad(target, { ...sized, bytesMax: settings.bytesMax / 4 });
    await measure(target, load, { warmUpSeconds: 0, seconds: settings.quick ? 1 : 4 });
  }
  await deleteTopic(target, topic);
}

const produce: Scenario = {
  name: 'produce',
  doc: 'one partition, acks=all, by record and batch size',
  durabilities: ['fsync', 'os', 'memory'],
  run: async (target, settings, report) => {
    for (const size of BATCH_SIZES.filter((each) => !settings.quick || each.quick)) {
      await produceRow(target, settings, report, {
        scenario: 'produce',
        partitions: 1,
        partitionsPerRequest: 1,
        recordBytes: size.recordBytes,
        recordsPerBatch: recordsPerBatch(size.recordBytes, size.batchBytes),
        connections: settings.connections,
        inFlight: size.inFlight,
      });
    }
  },
};

const partitions: Scenario = {
  name: 'partitions',
  doc: 'one 100-byte record to each of 1,000 partitions, again and again',
  durabilities: ['fsync', 'os'],
  run: async (target, settings, report) => {
    const shared = {
      scenario: 'partitions',
      partitions: 1000,
      recordBytes: 100,
      recordsPerBatch: 1,
    };
    const { connections } = settings;
    await produceRow(target, settings, report, {
      ...shared,
      partitionsPerRequest: 100,
      connections,
      inFlight: 10,
    });
    if (settings.quick) return;
    await produceRow(target, settings, report, {
      ...shared,
      partitionsPerRequest: 1,
      connections,
      inFlight: 256,
    });
  },
};

async function produceRow(
  target: Target,
  settings: Settings,
  report: Report,
  shape: Omit<ProduceShape, 'topic'> & { scenario: string },
): Promise<void> {
  const { scenario, ...rest } = shape;
  const row = {
    scenario,
    parameters: {
      recordBytes: shape.recordBytes,
      recordsPerBatch: shape.recordsPerBatch,
      batchBytes: batchBytesOf({ ...rest, topic: '' }),
      partitions: shape.partitions,
      batchesPerRequest: shape.partitionsPerRequest,
      connections: shape.connections,
      inFlight: shape.inFlight,
    },
  };
  await repeat({ target, settings, report }, row, async () => {
    const topic = freshTopic(scenario);
    await createTopic(target, topic, shape.partitions);
    const load = await openProduceLoad(target, { ...rest, topic, bytesMax: settings.bytesMax });
    const measured = await measure(target, load, settings);
    await deleteTopic(target, topic);
    return measured;
  });
}

const fetch: Scenario = {
  name: 'fetch',
  doc: '1 MiB responses from the newest records (tail) and from a log of 3 GiB (file)',
  durabilities: ['os'],
  run: async (target, settings, report) => {
    await fetchRow(target, settings, report, { scenario: 'fetch tail', logBytes: TAIL_LOG_BYTES });
    await fetchRow(target, settings, report, { scenario: 'fetch file', logBytes: FILE_LOG_BYTES });
  },
};

async function fetchRow(
  target: Target,
  settings: Settings,
  report: Report,
  source: { scenario: string; logBytes: number },
): Promise<void> {
  const topic = freshTopic('fetch');
  const recordBytes = 1024;
  const shape: ProduceShape = {
    topic,
    partitions: 1,
    partitionsPerRequest: 1,
    recordBytes,
    recordsPerBatch: recordsPerBatch(recordBytes, 128 * 1024),
    connections: settings.connections,
    inFlight: 16,
    bytesMax: source.logBytes,
  };
  await createTopic(target, topic, 1);
  await fill(target, shape);
  const batchBytes = batchBytesOf(shape);
  const reading = {
    topic,
    partition: 0,
    startOffset: 0,
    endOffset: (await endOffsets(target, topic, 1))[0]!,
    batchBytes,
    recordsPerBatch: shape.recordsPerBatch,
    batchesPerFetch: 8,
    connections: settings.connections,
    inFlight: 2,
  };
  const { recordsPerBatch: records, batchesPerFetch, connections, inFlight } = reading;
  const row = {
    scenario: source.scenario,
    parameters: {
      recordBytes,
      recordsPerBatch: records,
      batchBytes,
      batchesPerFetch,
      connections,
      inFlight,
    },
  };
  await repeat({ target, settings, report }, row, async () =>
    measure(target, await openFetchLoad(target, reading), settings),
  );
  await deleteTopic(target, topic);
}

/** Produces `bytesMax` bytes and waits for the last acknowledgement. */
export async function fill(target: Target, shape: ProduceShape): Promise<void> {
  const load = await openProduceLoad(target, shape);
  load.start();
  await load.ended;
  await load.stop();
}

const latency: Scenario = {
  name: 'latency',
  doc: 'from produce to consume at 10,000 records of 1 KiB a second, alone and beside idle connections',
  durabilities: ['fsync', 'os'],
  run: async (target, settings, report) => {
    await latencyRow(target, settings, report, 0);
    for (const idle of target.durability === 'os' ? [] : settings.idleConnections) {
      await latencyRow(target, settings, report, idle);
    }
  },
};

async function latencyRow(
  target: Target,
  settings: Settings,
  report: Report,
  idleConnections: number,
): Promise<void> {
  const idle = await openIdle(target, idleConnections);
  const row = { scenario: 'latency', parameters: { ...LATENCY, idleConnections } };
  await repeat({ target, settings, report }, row, async (): Promise<Measurement> => {
    const topic = freshTopic('latency');
    await createTopic(target, topic, 1);
    const load = await openLatencyLoad(target, { topic, ...LATENCY });
    const seconds = settings.quick ? settings.seconds : settings.seconds * 2;
    const measured = await measure(target, load, { ...settings, seconds });
    await deleteTopic(target, topic);
    return measured;
  });
  for (const connection of idle) connection.close();
}

/** Connections that have said who they are and then say nothing. */
async function openIdle(target: Target, count: number): Promise<Connection[]> {
  const open: Connection[] = [];
  while (open.length < count) {
    const some = Array.from({ length: Math.min(100, count - open.length) }, () =>
      openLoad(target, 64, 1024),
    );
    open.push(...(await Promise.all(some)));
  }
  if (count > 0) progress(`${target.name}: ${count} idle connections are open`);
  return open;
}

export const SCENARIOS: readonly Scenario[] = [produce, partitions, fetch, latency];
