/** The scenarios of `npm run bench -- redis`, in the order in which they run. */
import type { LiveShape } from '../lib/live/load.ts';
import type { LiveScenario } from '../lib/live/scenarios.ts';

const SMALL: LiveShape = { publishers: 1, subscribers: 1, payloadBytes: 100, window: 10_000 };
const NOT_BEHIND = 1;
const FAN_OUT_AIM = 2;
const durability = 'at most once on both sides, nothing is stored';

const SCENARIOS_BY_SHAPE: readonly Omit<LiveScenario<LiveShape>, 'durability'>[] = [
  {
    name: 'fanout-1',
    doc: 'one publisher, one subscriber',
    quick: true,
    aim: NOT_BEHIND,
    shape: SMALL,
  },
  {
    name: 'fanout-10',
    doc: 'one publisher, ten subscribers',
    quick: true,
    aim: FAN_OUT_AIM,
    shape: { ...SMALL, subscribers: 10, window: 5000 },
  },
  {
    name: 'fanout-100',
    doc: 'one publisher, a hundred subscribers',
    quick: true,
    aim: FAN_OUT_AIM,
    shape: { ...SMALL, subscribers: 100, window: 1000 },
  },
  {
    name: 'one-by-one',
    doc: 'nothing is pipelined: a message goes when the one before has come and was answered',
    quick: true,
    shape: { ...SMALL, window: 1 },
  },
  {
    name: 'one-by-one-50',
    doc: 'the same, 50 publishers, one subscriber',
    quick: false,
    shape: { ...SMALL, publishers: 50, window: 50 },
  },
  {
    name: 'fanin-100',
    doc: 'a hundred publishers, one subscriber',
    quick: false,
    shape: { ...SMALL, publishers: 100 },
  },
  ...[12, 1024, 16_384].map((payloadBytes) => ({
    name: `fanout-10-${payloadBytes}B`,
    doc: `one publisher, ten subscribers, ${payloadBytes} bytes`,
    quick: false,
    shape: {
      ...SMALL,
      subscribers: 10,
      payloadBytes,
      window: payloadBytes > 10_000 ? 100 : 1000,
    },
  })),
];

export const SCENARIOS: readonly LiveScenario<LiveShape>[] = SCENARIOS_BY_SHAPE.map((each) => ({
  ...each,
  durability,
}));
