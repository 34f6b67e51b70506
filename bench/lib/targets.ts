/** The brokers that benchmarks run against: what all of them have, and those that every benchmark knows. */
import { fileURLToPath } from 'node:url';
import { startChild } from '../../packages/polymq/test/support/child.ts';
import { builtIsFresh, startPolymq } from '../../packages/polymq/test/support/polymq.ts';
import { temporaryFolder } from '../../packages/polymq/test/support/temporary-folder.ts';
import { cpuSeconds } from './process-usage.ts';

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

/** PolyMQ on an empty data folder. */
export async function startPolymqTarget(
  scheme: string,
  { durability, dataRoot }: PolymqTargetOptions,
  args: readonly string[] = [],
): Promise<Target> {
  const data = temporaryFolder('polymq-bench-', dataRoot);
  const broker = await startPolymq({
    data: data.path,
    listen: [`${scheme}://127.0.0.1:0`],
    args: ['--durability', durability, ...args],
    nodeArgs: process.env['POLYMQ_BENCH_NODE_ARGS']?.split(' '),
  });
  return {
    name: 'polymq',
    version: `Node ${process.version}, --durability ${durability}${builtIsFresh() ? '' : ', from sources'}`,
    host: '127.0.0.1',
    port: broker.port(scheme),
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

/** A broker that somebody else runs; `address` may be a URL, or host and port alone. */
export function runningTarget(
  address: string,
  usual: { scheme: string; port: number },
  pids: readonly number[],
): Target {
  const url = new URL(address.includes('://') ? address : `${usual.scheme}://${address}`);
  return {
    name: `peer ${url.host}`,
    version: 'unknown',
    host: url.hostname,
    port: Number(url.port || usual.port),
    pids,
    stop: async () => {},
  };
}

/** A program of ours that only moves bytes: it shows what the load generator itself can do. `moduleUrl`: what it runs. */
export async function startNullTarget(moduleUrl: string): Promise<Target> {
  const child = startChild({
    name: 'null',
    command: process.execPath,
    args: ['--import', import.meta.resolve('tsx'), fileURLToPath(moduleUrl)],
  });
  const [, port] = await child.waitForLine(/^listening (\d+)/, 20_000);
  return {
    name: 'null',
    version: 'moves bytes only',
    host: '127.0.0.1',
    port: Number(port),
    pids: [child.pid],
    stop: async () => {
      await child.stop();
    },
  };
}

/** CPU seconds of all its processes so far; NaN if they are not known. */
export function cpuOf(target: Target): number {
  if (target.pids.length === 0) return Number.NaN;
  return target.pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
}
