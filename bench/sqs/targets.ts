/** The brokers that the SQS benchmark runs against. */
import {
  type PolymqTargetOptions,
  runningTarget,
  startNullTarget,
  startPolymqTarget,
  type Target,
} from '../lib/targets.ts';
import { ELASTICMQ_VERSION, startElasticmq } from './elasticmq.ts';

const NULL_URL = new URL('./null-server.ts', import.meta.url).href;

export interface SqsTarget extends Target {
  /** What it can be measured with. */
  readonly fifo: boolean;
  readonly topics: boolean;
  /** Connections that it takes, if it is fewer than are wanted. */
  readonly pollsMax?: number;
}

export async function polymqTarget(options: PolymqTargetOptions): Promise<SqsTarget> {
  // FIFO scenarios follow one another within the five minutes of a window.
  const args = ['--queues-deduplication-ids-max', '16000000'];
  return { ...(await startPolymqTarget('aws', options, args)), fifo: true, topics: true };
}

export async function elasticmqTarget(): Promise<SqsTarget> {
  const broker = await startElasticmq();
  return {
    name: 'elasticmq',
    version: `${ELASTICMQ_VERSION} (in memory, nothing is durable)`,
    host: '127.0.0.1',
    port: broker.port,
    pids: [broker.pid],
    fifo: true,
    topics: false,
    pollsMax: 1000,
    stop: broker.stop,
  };
}

/** A broker that somebody else runs: `host:port`. */
export function peerTarget(
  address: string,
  { pids, topics }: { pids: readonly number[]; topics: boolean },
): SqsTarget {
  return { ...runningTarget(address, { scheme: 'http', port: 9324 }, pids), fifo: true, topics };
}

/** Keeps bodies in an array and answers without doing anything else. */
export async function nullTarget(): Promise<SqsTarget> {
  return { ...(await startNullTarget(NULL_URL)), fifo: false, topics: true };
}
