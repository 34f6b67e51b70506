/** The brokers that the SQS benchmark runs against. */
import { builtIsFresh, startPolymq } from '../../packages/polymq/test/support/polymq.ts';
import { temporaryFolder } from '../../packages/polymq/test/support/temporary-folder.ts';
import { ELASTICMQ_VERSION, startElasticmq } from './elasticmq.ts';
import { startNullServer } from './null-server.ts';

export interface Target {
  /** How the tables call it. */
  readonly name: string;
  readonly version: string;
  readonly host: string;
  readonly port: number;
  /** For CPU and memory; empty when the processes are not on this machine. */
  readonly pids: readonly number[];
  /** What it can be measured with. */
  readonly fifo: boolean;
  readonly topics: boolean;
  /** Connections that it takes, if it is fewer than are wanted. */
  readonly pollsMax?: number;
  stop(): Promise<void>;
}

export interface PolymqTargetOptions {
  durability: string;
  dataRoot?: string | undefined;
}

export async function polymqTarget(options: PolymqTargetOptions): Promise<Target> {
  const data = temporaryFolder('polymq-bench-', options.dataRoot);
  const broker = await startPolymq({
    data: data.path,
    listen: ['aws://127.0.0.1:0'],
    args: [
      ...['--durability', options.durability],
      // FIFO scenarios follow one another within the five minutes of a window.
      ...['--queues-deduplication-ids-max', '16000000'],
    ],
    nodeArgs: process.env['POLYMQ_BENCH_NODE_ARGS']?.split(' '),
  });
  return {
    name: 'polymq',
    version: `Node ${process.version}, --durability ${options.durability}${builtIsFresh() ? '' : ', from sources'}`,
    host: '127.0.0.1',
    port: broker.port('aws'),
    pids: [broker.pid],
    fifo: true,
    topics: true,
    stop: async () => {
      const exit = await broker.stop(30_000);
      data.remove();
      if (exit.code !== 0) {
        process.stderr.write(`warning: polymq ended with ${JSON.stringify(exit)}\n`);
        process.stderr.write(`${broker.stderr.slice(-2000)}\n`);
      }
    },
  };
}

export async function elasticmqTarget(): Promise<Target> {
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
  options: { pids: readonly number[]; topics: boolean },
): Target {
  const url = new URL(address.includes('://') ? address : `http://${address}`);
  return {
    name: `peer ${url.host}`,
    version: 'unknown',
    host: url.hostname,
    port: Number(url.port || 9324),
    pids: options.pids,
    fifo: true,
    topics: options.topics,
    stop: async () => {},
  };
}

/** Keeps bodies in an array and answers without doing anything else: what the load generator itself can do. */
export async function nullTarget(): Promise<Target> {
  const server = await startNullServer();
  return {
    name: 'null',
    version: 'moves bytes only',
    host: '127.0.0.1',
    port: server.port,
    pids: [server.pid],
    fifo: false,
    topics: true,
    stop: server.stop,
  };
}
