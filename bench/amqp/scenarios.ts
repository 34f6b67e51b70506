/** The scenarios of `npm run bench -- amqp`, in the order in which they run. */
import type { Shape } from './load.ts';

export interface Scenario {
  readonly name: string;
  readonly doc: string;
  /** In a `--quick` run too. */
  readonly quick: boolean;
  /** How many times RabbitMQ's rate, by the second and by the CPU-second, is aimed at. */
  readonly aim?: number;
  readonly shape: Shape;
}

const TRANSIENT: Shape = {
  pairs: 1,
  bodyBytes: 100,
  durable: false,
  confirms: false,
  acks: 'each',
  window: 2000,
  prefetch: 2000,
  routing: 'default',
  queues: 1,
};
const DURABLE: Shape = { ...TRANSIENT, durable: true, confirms: true };
const TRANSIENT_AIM = 6;
const DURABLE_AIM = 10;
/** A hundred pairs with 2,000 each would be a backlog, not a window. */
const WINDOW_OF_MANY = 100;
const LARGE_WINDOW = 64;
const PACED_PER_SECOND = 10_000;

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'transient-auto',
    doc: 'transient, consumed without acknowledgement',
    quick: true,
    aim: TRANSIENT_AIM,
    shape: { ...TRANSIENT, acks: 'none' },
  },
  {
    name: 'transient-each',
    doc: 'transient, every message acknowledged',
    quick: true,
    aim: TRANSIENT_AIM,
    shape: TRANSIENT,
  },
  {
    name: 'transient-50',
    doc: 'transient, 50 messages acknowledged at once',
    quick: false,
    aim: TRANSIENT_AIM,
    shape: { ...TRANSIENT, acks: 50 },
  },
  {
    name: 'durable',
    doc: 'durable and persistent, confirms waited for, every message acknowledged',
    quick: true,
    aim: DURABLE_AIM,
    shape: DURABLE,
  },
  {
    name: 'durable-4',
    doc: 'the same, 4 pairs',
    quick: false,
    aim: DURABLE_AIM,
    shape: { ...DURABLE, pairs: 4 },
  },
  {
    name: 'durable-100',
    doc: 'the same, 100 pairs',
    quick: false,
    aim: DURABLE_AIM,
    shape: { ...DURABLE, pairs: 100, window: WINDOW_OF_MANY, prefetch: WINDOW_OF_MANY },
  },
  ...[1, 100, 1000].map((window) => ({
    name: `durable-w${window}`,
    doc: `durable, one pair, ${window} in flight`,
    quick: window === 1,
    shape: { ...DURABLE, window },
  })),
  ...[12, 1024, 65_536].flatMap((bodyBytes) => {
    const window = bodyBytes > 10_000 ? LARGE_WINDOW : TRANSIENT.window;
    return [
      {
        name: `transient-${bodyBytes}B`,
        doc: `transient, every message acknowledged, ${bodyBytes} bytes`,
        quick: false,
        shape: { ...TRANSIENT, bodyBytes, window },
      },
      {
        name: `durable-${bodyBytes}B`,
        doc: `durable, confirms, acknowledged, ${bodyBytes} bytes`,
        quick: false,
        shape: { ...DURABLE, bodyBytes, window },
      },
    ];
  }),
  {
    name: 'latency',
    doc: `confirm latency of durable messages at ${PACED_PER_SECOND} a second`,
    quick: true,
    shape: { ...DURABLE, ratePerSecond: PACED_PER_SECOND },
  },
  {
    name: 'topic',
    doc: 'through a topic exchange with 50 other bindings, 16 keys in turn; transient, acknowledged',
    quick: false,
    aim: TRANSIENT_AIM,
    shape: { ...TRANSIENT, routing: 'topic' },
  },
  {
    name: 'headers',
    doc: 'through a headers exchange with 50 other bindings; transient, acknowledged',
    quick: false,
    aim: TRANSIENT_AIM,
    shape: { ...TRANSIENT, routing: 'headers' },
  },
  {
    name: 'fanout-10',
    doc: 'to ten queues through a fanout exchange; transient, acknowledged',
    quick: false,
    aim: TRANSIENT_AIM,
    shape: { ...TRANSIENT, routing: 'fanout', queues: 10 },
  },
  {
    name: 'durable-fanout-10',
    doc: 'durable messages to ten queues, confirms, acknowledged',
    quick: false,
    shape: { ...DURABLE, routing: 'fanout', queues: 10 },
  },
];
