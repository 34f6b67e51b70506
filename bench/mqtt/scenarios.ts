/** The scenarios of `npm run bench -- mqtt`, in the order in which they run. */
import type { IdleScenario, LiveScenario } from '../lib/live/scenarios.ts';
import type { MqttShape } from './dialect.ts';

const QOS_0: MqttShape = {
  publishers: 1,
  subscribers: 1,
  payloadBytes: 100,
  window: 10_000,
  qos: 0,
  persistent: false,
};
const QOS_1: MqttShape = { ...QOS_0, qos: 1, window: 1000 };
const QOS_0_AIM = 3;
const QOS_1_AIM = 2;
const FAN_OUT_AIM = 10;

const TRANSIENT = 'sessions end with their connections, so nothing is stored on either side';
const DURABLE =
  'sessions outlive their connections: PolyMQ acknowledges what is in its log (see --durability), ' +
  'mosquitto what is in memory, which it saves every half an hour and when it ends';

export const SCENARIOS: readonly LiveScenario<MqttShape>[] = [
  {
    name: 'qos0',
    doc: 'QoS 0, one publisher, one subscriber',
    quick: true,
    aim: QOS_0_AIM,
    durability: TRANSIENT,
    shape: QOS_0,
  },
  {
    name: 'qos0-100-to-1',
    doc: 'QoS 0, a hundred publishers, one subscriber',
    quick: true,
    aim: QOS_0_AIM,
    durability: TRANSIENT,
    shape: { ...QOS_0, publishers: 100 },
  },
  {
    name: 'qos0-1-to-100',
    doc: 'QoS 0, one publisher, a hundred subscribers',
    quick: true,
    aim: FAN_OUT_AIM,
    durability: TRANSIENT,
    shape: { ...QOS_0, subscribers: 100, window: 1000 },
  },
  {
    name: 'qos1',
    doc: 'QoS 1 on both sides, one publisher, one subscriber',
    quick: true,
    aim: QOS_1_AIM,
    durability: TRANSIENT,
    shape: QOS_1,
  },
  {
    name: 'qos1-100-to-1',
    doc: 'QoS 1 on both sides, a hundred publishers, one subscriber',
    quick: true,
    aim: QOS_1_AIM,
    durability: TRANSIENT,
    shape: { ...QOS_1, publishers: 100 },
  },
  {
    name: 'qos1-1-to-100',
    doc: 'QoS 1 on both sides, one publisher, a hundred subscribers',
    quick: true,
    aim: FAN_OUT_AIM,
    durability: TRANSIENT,
    shape: { ...QOS_1, subscribers: 100 },
  },
  {
    name: 'qos2',
    doc: 'QoS 2 on both sides, one publisher, one subscriber',
    quick: false,
    durability: TRANSIENT,
    shape: { ...QOS_1, qos: 2 },
  },
  {
    name: 'one-by-one-qos0',
    doc: 'QoS 0, a message goes when the one before has come',
    quick: false,
    durability: TRANSIENT,
    shape: { ...QOS_0, window: 1 },
  },
  {
    name: 'one-by-one-qos1',
    doc: 'QoS 1, a message goes when the one before has come and was acknowledged',
    quick: false,
    durability: TRANSIENT,
    shape: { ...QOS_1, window: 1 },
  },
  {
    name: 'durable-qos1',
    doc: 'QoS 1, the subscriber has a session that outlives its connection',
    quick: true,
    durability: DURABLE,
    shape: { ...QOS_1, persistent: true },
  },
  {
    name: 'durable-qos1-100-to-1',
    doc: 'the same, a hundred publishers',
    quick: false,
    durability: DURABLE,
    shape: { ...QOS_1, persistent: true, publishers: 100 },
  },
  {
    name: 'durable-qos1-10-to-10',
    doc: 'the same, ten publishers, ten such subscribers',
    quick: false,
    durability: DURABLE,
    shape: { ...QOS_1, persistent: true, publishers: 10, subscribers: 10 },
  },
  {
    name: 'durable-qos2',
    doc: 'QoS 2, the subscriber has a session that outlives its connection',
    quick: false,
    durability: DURABLE,
    shape: { ...QOS_1, qos: 2, persistent: true },
  },
];

export const IDLE: IdleScenario = {
  name: 'idle',
  doc: 'connections with one subscription each, to which nothing is published',
  quick: false,
  connections: 10_000,
  // 250 MB.
  rssMibMax: 238,
};
