/**
 * The engines that drivers are tested with, each a process of its own on ports and folders of its own, which tests start,
 * restart and kill: PolyMQ, RabbitMQ and Redis from Debian's packages. Each says in `…Missing()` why it cannot be had here.
 */

import { freePort } from '../../../polymq/test/support/apache-kafka.ts';
import { startChild } from '../../../polymq/test/support/child.ts';
import { type Polymq, startPolymq } from '../../../polymq/test/support/polymq.ts';
import { startRabbitmq } from '../../../polymq/test/support/rabbitmq.ts';
import { temporaryFolder } from '../../../polymq/test/support/temporary-folder.ts';

export { rabbitmqMissing } from '../../../polymq/test/support/rabbitmq.ts';
export { redisMissing } from '../../../polymq/test/support/redis-server.ts';

/** An engine at an address that stays the same. */
export interface Engine {
  readonly pid: number;
  /** The bound port of a scheme: `amqp`. */
  port(scheme: string): number;
  /** Orderly, over the same data, on the same ports. */
  restart(): Promise<void>;
  /** SIGKILL, then a start over the same data, on the same ports. Missing where that cannot be done. */
  kill?(): Promise<void>;
  /** Resolves when the process has gone and its data are removed. */
  stop(): Promise<void>;
}

/** A broker with a listener per scheme (`kafka`, `amqp`, `aws`, `redis`, `http`), its data in a folder of its own. */
export async function startPolymqEngine(
  schemes: readonly string[],
  args: readonly string[] = [],
): Promise<Engine> {
  const folder = temporaryFolder('polymq-driver-');
  const listen: string[] = [];
  for (const scheme of schemes) listen.push(`${scheme}://127.0.0.1:${await freePort()}`);
  const start = (): Promise<Polymq> => startPolymq({ data: folder.path, listen, args });
  let broker = await start();
  return {
    get pid() {
      return broker.pid;
    },
    port: (scheme) => broker.port(scheme),
    restart: async () => {
      await broker.stop();
      broker = await start();
    },
    kill: async () => {
      await broker.kill9();
      broker = await start();
    },
    stop: async () => {
      await broker.stop();
      folder.remove();
    },
  };
}

/** RabbitMQ's restart is that of the application inside its Erlang machine: all connections end, and memory is lost. */
export async function startRabbitmqEngine(): Promise<Engine> {
  const rabbitmq = await startRabbitmq();
  return {
    pid: rabbitmq.pid,
    port: () => rabbitmq.port,
    restart: async () => {
      await rabbitmq.control('stop_app');
      await rabbitmq.control('start_app');
      await rabbitmq.control('await_startup');
    },
    stop: async () => void (await rabbitmq.stop()),
  };
}

/** Stores nothing: in memory, without files. */
export async function startRedisEngine(): Promise<Engine> {
  const port = await freePort();
  const start = async () => {
    const child = startChild({
      name: 'redis-server',
      command: '/usr/bin/redis-server',
      args: ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    });
    await child.waitForLine(/Ready to accept connections/, 10_000);
    return child;
  };
  let redis = await start();
  return {
    get pid() {
      return redis.pid;
    },
    port: () => port,
    restart: async () => {
      await redis.stop();
      redis = await start();
    },
    kill: async () => {
      await redis.kill9();
      redis = await start();
    },
    stop: async () => void (await redis.stop()),
  };
}
