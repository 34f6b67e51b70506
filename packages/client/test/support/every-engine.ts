/**
 * The same test over every way to a broker: embedded, and by the protocols that one PolyMQ server speaks; RabbitMQ and Redis of their own if they are
 * installed are the business of the contract suite.
 */
import { type Client, connect } from '@polymq/client';
import { embed } from 'polymq';
import { type Polymq, startPolymq } from '../../../polymq/test/support/polymq.ts';
import type { Capability } from '../../src/driver/capabilities.ts';

export interface Ways {
  /** Names and how to connect; each client is the test's to close. */
  readonly ways: readonly (readonly [string, () => Promise<Client>])[];
  stop(): Promise<void>;
}

/** The ways that have all of these, as the drivers say. */
export async function everyEngine(...needs: readonly Capability[]): Promise<Ways> {
  const server: Polymq = await startPolymq({ data: 'memory:' });
  const at = (scheme: string, listener: string) => (): Promise<Client> =>
    connect(`${scheme}://127.0.0.1:${server.port(listener)}`);
  const { amqp, kafka, http } = server.ports;
  const all: [string, () => Promise<Client>][] = [
    ['embedded', () => embed({ data: 'memory:' })],
    ['polymq', () => connect(`polymq://127.0.0.1?amqp=${amqp}&kafka=${kafka}&http=${http}`)],
    ['amqp', at('amqp', 'amqp')],
    ['kafka', at('kafka', 'kafka')],
    ['redis', at('redis', 'redis')],
    ['sqs', at('sqs', 'aws')],
  ];
  const ways = [];
  for (const [name, open] of all) {
    const client = await open();
    const has = needs.every((need) => client.driver.capabilities[need] !== false);
    await client.close({ drain: 0 });
    if (has) ways.push([name, open] as const);
  }
  return { ways, stop: async () => void (await server.stop()) };
}
