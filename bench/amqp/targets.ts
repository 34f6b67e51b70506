/** The brokers that the AMQP benchmark runs against. */
import { startRabbitmq } from '../../packages/polymq/test/support/rabbitmq.ts';
import {
  type PolymqTargetOptions,
  runningTarget,
  startNullTarget,
  startPolymqTarget,
  type Target,
} from '../lib/targets.ts';

const NULL_URL = new URL('./null-broker.ts', import.meta.url).href;

export function polymqTarget(options: PolymqTargetOptions): Promise<Target> {
  return startPolymqTarget('amqp', options);
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
  return runningTarget(address, { scheme: 'amqp', port: 5672 }, pids);
}

export async function nullTarget(): Promise<Target> {
  return startNullTarget(NULL_URL);
}
