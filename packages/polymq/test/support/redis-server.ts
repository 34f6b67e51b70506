/**
 * redis-server from Debian's package, as the peer that tests compare with: in memory, on loopback, a child of this
 * process that ends by its id.
 */
import { existsSync } from 'node:fs';
import { freePort } from './apache-kafka.ts';
import { startChild } from './child.ts';

const SERVER = '/usr/bin/redis-server';

export interface RealRedis {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Why redis-server cannot be run here, or `undefined` if it can. */
export function redisMissing(): string | undefined {
  if (existsSync(SERVER)) return undefined;
  return 'redis-server is not installed: apt-get install --no-install-recommends redis-server';
}

/** Default port: a free one. */
export async function startRealRedis(port?: number): Promise<RealRedis> {
  const chosen = port ?? (await freePort());
  const child = startChild({
    name: 'redis-server',
    command: SERVER,
    args: ['--port', `${chosen}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
  });
  await child.waitForLine(/Ready to accept connections/, 10_000);
  return { port: chosen, pid: child.pid, stop: async () => void (await child.stop()) };
}
