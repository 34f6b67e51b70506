/**
 * The brokers that a benchmark runs against: a PolyMQ of its own per durability mode, an Apache Kafka of
 * its own, or a broker that is already there (`--peer`).
 */
import {
  type ApacheKafka,
  startApacheKafka,
} from '../../packages/polymq/test/support/apache-kafka.ts';
import { builtIsFresh, startPolymq } from '../../packages/polymq/test/support/polymq.ts';
import { temporaryFolder } from '../../packages/polymq/test/support/temporary-folder.ts';

export type Durability = 'fsync' | 'os' | 'memory';

export interface Target {
  /** How the tables call it. */
  readonly name: string;
  readonly version: string;
  readonly durability: Durability | 'unknown';
  readonly host: string;
  readonly port: number;
  /** For CPU and memory; undefined when the process is not on this machine. */
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

export interface TargetOptions {
  /** Where data folders are made. Default: the system's temporary folder. */
  dataRoot?: string | undefined;
}

export async function polymqTarget(
  durability: Durability,
  options: TargetOptions,
): Promise<Target> {
  const data = temporaryFolder('polymq-bench-', options.dataRoot);
  const broker = await startPolymq({
    data: data.path,
    args: ['--durability', durability],
    nodeArgs: process.env['POLYMQ_BENCH_NODE_ARGS']?.split(' '),
  });
  return {
    name: 'polymq',
    version: `${packageVersion()} (Node ${process.version}${builtIsFresh() ? '' : ', from sources'})`,
    durability,
    host: '127.0.0.1',
    port: broker.port('kafka'),
    pid: broker.pid,
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

/**
 * Apache Kafka acknowledges what the page cache has (its default), or with `fsync` after a flush of every
 * batch. It has no mode that waits for nothing.
 */
export async function apacheTarget(
  durability: 'fsync' | 'os',
  options: TargetOptions,
): Promise<Target> {
  const data = temporaryFolder('apache-kafka-bench-', options.dataRoot);
  const broker: ApacheKafka = await startApacheKafka({
    data: data.path,
    heap: '2g',
    config: {
      // Deleted topics must not fill the disk while the next one is measured.
      'log.segment.delete.delay.ms': '500',
      ...(durability === 'fsync' ? { 'log.flush.interval.messages': '1' } : {}),
    },
  });
  return {
    name: 'apache-kafka',
    version: `${broker.version} (1 node, KRaft, -Xmx2g)`,
    durability,
    host: broker.host,
    port: broker.port,
    pid: broker.pid,
    stop: async () => {
      await broker.stop();
      data.remove();
    },
  };
}

/** A broker that somebody else runs. */
export function peerTarget(address: string, pid: number | undefined): Target {
  const match = /^(.+):(\d+)$/.exec(address);
  if (!match) throw new Error(`--peer wants HOST:PORT, not "${address}"`);
  return {
    name: `peer ${address}`,
    version: 'unknown',
    durability: 'unknown',
    host: match[1]!,
    port: Number(match[2]),
    pid,
    stop: async () => {},
  };
}

function packageVersion(): string {
  return process.env['npm_package_version'] ?? '0.1.0';
}
