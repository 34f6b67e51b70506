/**
 * The program that adds and processes jobs, one engine per process: `load.ts ENGINE URL {"addSeconds":…}`. Prints one line of JSON.
 * It is the same program for all engines, so what it costs itself is the same, too.
 */
import { bullmqEngine } from './bullmq-engine.ts';
import { type JobEngine, makeJob } from './engine.ts';
import { polymqEngine } from './polymq-engine.ts';

export interface LoadOrder {
  readonly addSeconds: number;
  readonly batch: number;
  /** Calls at the same time when jobs are added one by one: a measurement for each. */
  readonly inFlight: readonly number[];
  readonly concurrency: number;
  /** Jobs that are left waiting at the end, for the memory; 0: all are processed. */
  readonly waiting: number;
}

export interface LoadResult {
  readonly batchedPerS: number;
  /** One job per call, for each number of calls at the same time. */
  readonly singlePerS: readonly number[];
  readonly processedPerS: number;
  readonly processed: number;
  /** Of this process, per job added in batches, and processed; µs. */
  readonly batchedCpuUs: number;
  readonly processedCpuUs: number;
  /** Resident memory of this process without and with the waiting jobs. */
  readonly emptyRss: number;
  readonly waitingRss: number;
}

const ENGINES: Readonly<Record<string, (url: string) => Promise<JobEngine>>> = {
  bullmq: bullmqEngine,
  polymq: polymqEngine,
};

let next = 0;

async function main([name = '', url = '', order = '{}']: string[]): Promise<void> {
  const engine = await ENGINES[name]!(url);
  const { addSeconds, batch, inFlight, concurrency, waiting } = JSON.parse(order) as LoadOrder;
  const result =
    waiting > 0
      ? await measureWaiting(engine, waiting, batch)
      : await measureWork(engine, { addSeconds, batch, inFlight, concurrency });
  process.stdout.write(`${JSON.stringify(result)}\n`);
  await engine.close();
  process.exit(0);
}

async function measureWork(
  engine: JobEngine,
  { addSeconds, batch, inFlight, concurrency }: Omit<LoadOrder, 'waiting'>,
): Promise<Partial<LoadResult>> {
  // Warm-up, and what it adds is processed with the rest.
  await addFor(engine, 0.5, { batch, inFlight: 4 });
  const batched = await addFor(engine, addSeconds, { batch, inFlight: 4 });
  const singlePerS: number[] = [];
  for (const calls of inFlight) {
    singlePerS.push((await addFor(engine, addSeconds / 2, { batch: 1, inFlight: calls })).perS);
  }
  const worked = await processAll(engine, concurrency, next);
  return {
    batchedPerS: batched.perS,
    batchedCpuUs: batched.cpuUs,
    singlePerS,
    processedPerS: worked.perS,
    processedCpuUs: worked.cpuUs,
    processed: next,
  };
}

async function measureWaiting(
  engine: JobEngine,
  waiting: number,
  batch: number,
): Promise<Partial<LoadResult>> {
  await engine.addBatch([makeJob(0)]);
  const emptyRss = settledRss();
  for (let left = waiting; left > 0; left -= batch) {
    await engine.addBatch(Array.from({ length: Math.min(batch, left) }, () => makeJob(next++)));
  }
  // What garbage there is goes before the look.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  return { emptyRss, waitingRss: settledRss() };
}

function settledRss(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss;
}

async function addFor(
  engine: JobEngine,
  seconds: number,
  { batch, inFlight }: { batch: number; inFlight: number },
): Promise<{ perS: number; cpuUs: number }> {
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  const endMs = startMs + seconds * 1_000;
  let added = 0;
  const adder = async (): Promise<void> => {
    while (performance.now() < endMs) {
      if (batch === 1) await engine.addOne(makeJob(next++));
      else await engine.addBatch(Array.from({ length: batch }, () => makeJob(next++)));
      added += batch;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, adder));
  return rates(added, startMs, cpu);
}

/** All of them, once each: a job that came twice would end the run too early, and one that is lost never. */
async function processAll(
  engine: JobEngine,
  concurrency: number,
  count: number,
): Promise<{ perS: number; cpuUs: number }> {
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  let done = 0;
  let finish = (): void => undefined;
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const worker = await engine.work(concurrency, () => {
    done += 1;
    if (done === count) finish();
  });
  await finished;
  const result = rates(count, startMs, cpu);
  await worker.stop();
  return result;
}

function rates(
  count: number,
  startMs: number,
  cpu: NodeJS.CpuUsage,
): { perS: number; cpuUs: number } {
  const seconds = (performance.now() - startMs) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  return { perS: count / seconds, cpuUs: (user + system) / count };
}

await main(process.argv.slice(2));
