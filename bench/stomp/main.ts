/** `npm run bench -- stomp`: STOMP 1.2, beside RabbitMQ with its STOMP plugin. */
import { freePort } from '../../packages/polymq/test/support/apache-kafka.ts';
import { rabbitmqMissing, startRabbitmq } from '../../packages/polymq/test/support/rabbitmq.ts';
import { type LiveBench, runLiveBench } from '../lib/live/bench.ts';
import { describeShape } from '../lib/live/report.ts';
import type { Target } from '../lib/targets.ts';
import { type StompShape, stompDialect } from './dialect.ts';
import { SCENARIOS } from './scenarios.ts';

async function rabbitmqTarget(): Promise<Target> {
  const port = await freePort();
  const broker = await startRabbitmq({
    plugins: ['rabbitmq_stomp'],
    config: { 'stomp.listeners.tcp.1': `127.0.0.1:${port}` },
  });
  return {
    name: 'rabbitmq',
    version: `${broker.version} (Debian package with rabbitmq_stomp, as it is)`,
    host: broker.host,
    port,
    pids: broker.pids,
    stop: async () => {
      await broker.stop();
    },
  };
}

const BENCH: LiveBench<StompShape> = {
  name: 'stomp',
  scenarios: SCENARIOS,
  warmUps: ['queue-auto', 'queue-client', 'queue-durable', 'topic-10'],
  dialect: stompDialect,
  describe: (shape) =>
    [
      `/${shape.destination}, ack:${shape.ack}`,
      ...(shape.receipts ? ['receipts'] : []),
      ...(shape.persistent ? ['persistent'] : []),
      describeShape(shape),
    ].join(', '),
  peer: {
    name: 'rabbitmq',
    doc: 'RabbitMQ (Debian package)',
    defaultPort: 61_613,
    missing: rabbitmqMissing,
    start: rabbitmqTarget,
  },
  nullUrl: new URL('./null-server.ts', import.meta.url).href,
  nullKnows: () => true,
};

export function benchStomp(args: string[]): Promise<number> {
  return runLiveBench(BENCH, args);
}
