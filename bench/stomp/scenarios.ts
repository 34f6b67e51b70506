/** The scenarios of `npm run bench -- stomp`, in the order in which they run. */
import type { LiveScenario } from '../lib/live/scenarios.ts';
import type { StompShape } from './dialect.ts';

const QUEUE: StompShape = {
  publishers: 1,
  subscribers: 1,
  payloadBytes: 100,
  window: 2000,
  destination: 'queue',
  ack: 'auto',
  receipts: false,
  persistent: false,
};
const TOPIC: StompShape = { ...QUEUE, destination: 'topic' };
const AIM = 5;

const TRANSIENT = 'messages without `persistent`, which neither side stores';
const DURABLE =
  '`persistent:true`; a receipt says that the message is stored: PolyMQ as --durability says, RabbitMQ (classic queue) after fsync';

export const SCENARIOS: readonly LiveScenario<StompShape>[] = [
  {
    name: 'queue-auto',
    doc: '/queue, consumed without acknowledgement',
    quick: true,
    aim: AIM,
    durability: TRANSIENT,
    shape: QUEUE,
  },
  {
    name: 'queue-client',
    doc: '/queue, ack:client, every message acknowledged',
    quick: true,
    aim: AIM,
    durability: TRANSIENT,
    shape: { ...QUEUE, ack: 'client' },
  },
  {
    name: 'queue-individual',
    doc: '/queue, ack:client-individual, every message acknowledged',
    quick: false,
    aim: AIM,
    durability: TRANSIENT,
    shape: { ...QUEUE, ack: 'client-individual' },
  },
  {
    name: 'queue-receipts',
    doc: '/queue, a receipt for every message, consumed without acknowledgement',
    quick: true,
    aim: AIM,
    durability: TRANSIENT,
    shape: { ...QUEUE, receipts: true },
  },
  {
    name: 'queue-durable',
    doc: '/queue, persistent messages, a receipt for each, every message acknowledged',
    quick: true,
    aim: AIM,
    durability: DURABLE,
    shape: { ...QUEUE, receipts: true, persistent: true, ack: 'client-individual' },
  },
  {
    name: 'topic-1',
    doc: '/topic, one publisher, one subscriber',
    quick: true,
    aim: AIM,
    durability: TRANSIENT,
    shape: TOPIC,
  },
  {
    name: 'topic-10',
    doc: '/topic, one publisher, ten subscribers',
    quick: true,
    aim: AIM,
    durability: TRANSIENT,
    shape: { ...TOPIC, subscribers: 10, window: 500 },
  },
  {
    name: 'one-by-one',
    doc: '/queue, a message goes when the one before has come',
    quick: false,
    durability: TRANSIENT,
    shape: { ...QUEUE, window: 1 },
  },
];
