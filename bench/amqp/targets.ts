/** The brokers that the AMQP benchmark runs against. */
import { builtIsFresh, startPolymq } from '../../packages/polymq/test/support/polymq.ts';
import { startRabbitmq } from '../../packages/polymq/test/support/rabbitmq.ts';
import { temporaryFolder } from '../../packages/polymq/test/support/temporary-folder.ts';
import { startNullBroker } from './null-broker.ts';

export interface Target {
  /** How the tables call it. */
  readonly name: string;
  readonly version: string;
  readonly host: string;
  readonly port: number;
  /** For CPU and memory; empty when the processes are not on this machine. */
  readonly pids: readonly number[];
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
    listen: ['amqp://127.0.0.1:0'],
    args: ['--durability', options.durability],
    nodeArgs: process.env['POLYMQ_BENCH_NODE_ARGS']?.split(' '),
  });
  return {
    name: 'polymq',
    version: `Node ${process.version}, --durability ${options.durability}${builtIsFresh() ? '' : ', from sources'}`,
    host: '127.0.0.1',
    port: broker.port('amqp'),
    pids: [broker.pid],
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

export async function rabbitmqTarget(): Promise<Target> {
  const broker = await startRabbitmq();
  return {
    name: 'rabbitmq',
    version: `${broker.version} (Debian package, as it is)`,
    host: broker.host,
    port: broker.port,
    pids: broker.pids,
    stop: async () => {
      await broker.stop();
    },
  };
}

/** A broker that somebody else runs: `amqp://host:port`. */
export function peerTarget(address: string, pids: readonly number[]): Target {
  const url = new URL(address.includes('://') ? address : `amqp://${address}`);
  return {
    name: `peer ${url.host}`,
    version: 'unknown',
    host: url.hostname,
    port: Number(url.port || 5672),
    pids,
    stop: async () => {},
  };
}

/** Answers without doing anything: what the load generator itself can do. */
export async function nullTarget(): Promise<Target> {
  const broker = await startNullBroker();
  return {
    name: 'null',
    version: 'moves bytes only',
    host: '127.0.0.1',
    port: broker.port,
    pids: [broker.pid],
    stop: broker.stop,
  };
}
