/** The scenarios of `npm run bench -- sqs`, in the order in which they run. */
import type { Shape } from './load.ts';

/** What is aimed at, on 2 cores shared with the load. */
export type Goal =
  | { readonly messagesPerSecondMin: number }
  | { readonly p99MsMax: number }
  | { readonly growthMibMax: number; readonly cpuPercentMax: number };

export interface Scenario {
  readonly name: string;
  readonly doc: string;
  /** In a `--quick` run too. */
  readonly quick: boolean;
  readonly goal?: Goal;
  readonly shape: Shape;
  /** Of a queue that is to be emptied: filled with as many as this for each second of the run. */
  readonly fillPerSecond?: number;
}

/** Connections that each wait in one long poll. */
export interface IdleScenario {
  readonly name: string;
  readonly doc: string;
  readonly quick: boolean;
  readonly goal: Goal;
  readonly polls: number;
}

const ONE: Shape = {
  kind: 'send',
  connections: 16,
  batch: 1,
  bodyBytes: 100,
  fifo: false,
  queues: 1,
};
const TEN: Shape = { ...ONE, batch: 10 };
const SENDS_PER_SECOND = 15_000;
const PAIRS_PER_SECOND = 10_000;
const BATCHED_PER_SECOND = 60_000;
const FILL_PAIRS = 25_000;
const FILL_BATCHED = 120_000;
const LARGE_BYTES = 16_384;

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'send',
    doc: 'SendMessage',
    quick: true,
    goal: { messagesPerSecondMin: SENDS_PER_SECOND },
    shape: ONE,
  },
  {
    name: 'receive',
    doc: 'ReceiveMessage of one, and DeleteMessage',
    quick: true,
    goal: { messagesPerSecondMin: PAIRS_PER_SECOND },
    shape: { ...ONE, kind: 'receive' },
    fillPerSecond: FILL_PAIRS,
  },
  {
    name: 'cycle',
    doc: 'SendMessage on half of the connections; ReceiveMessage and DeleteMessage on the others',
    quick: false,
    shape: { ...ONE, kind: 'cycle' },
  },
  {
    name: 'send-10',
    doc: 'SendMessageBatch of ten',
    quick: true,
    goal: { messagesPerSecondMin: BATCHED_PER_SECOND },
    shape: TEN,
  },
  {
    name: 'receive-10',
    doc: 'ReceiveMessage of ten, and DeleteMessageBatch',
    quick: true,
    goal: { messagesPerSecondMin: BATCHED_PER_SECOND },
    shape: { ...TEN, kind: 'receive' },
    fillPerSecond: FILL_BATCHED,
  },
  {
    name: 'cycle-10',
    doc: 'batches of ten sent, received and deleted at the same time',
    quick: false,
    shape: { ...TEN, kind: 'cycle' },
  },
  {
    name: 'send-16KiB',
    doc: 'SendMessage with 16 KiB',
    quick: false,
    shape: { ...ONE, bodyBytes: LARGE_BYTES },
  },
  {
    name: 'send-1',
    doc: 'SendMessage over one connection: the time of one request',
    quick: false,
    shape: { ...ONE, connections: 1 },
  },
  {
    name: 'fifo-send',
    doc: 'SendMessage to a FIFO queue, with groups and deduplication ids',
    quick: false,
    shape: { ...ONE, fifo: true },
  },
  {
    name: 'fifo-receive',
    doc: 'ReceiveMessage of one from a FIFO queue, and DeleteMessage',
    quick: false,
    shape: { ...ONE, kind: 'receive', fifo: true },
    fillPerSecond: FILL_PAIRS,
  },
  {
    name: 'fifo-send-10',
    doc: 'SendMessageBatch of ten to a FIFO queue',
    quick: false,
    shape: { ...TEN, fifo: true },
  },
  {
    name: 'fifo-receive-10',
    doc: 'ReceiveMessage of ten from a FIFO queue, and DeleteMessageBatch',
    quick: false,
    shape: { ...TEN, kind: 'receive', fifo: true },
    fillPerSecond: FILL_BATCHED,
  },
  {
    name: 'publish-1',
    doc: 'SNS Publish to one SQS queue',
    quick: false,
    shape: { ...ONE, kind: 'publish' },
  },
  {
    name: 'publish-10',
    doc: 'SNS Publish to ten SQS queues; messages are what was published, not copies',
    quick: false,
    shape: { ...ONE, kind: 'publish', queues: 10 },
  },
  {
    name: 'latency',
    doc: 'messages at 1,000 a second to waiting long polls: from due to received',
    quick: true,
    goal: { p99MsMax: 10 },
    shape: { ...ONE, kind: 'paced', ratePerSecond: 1000 },
  },
];

export const IDLE: IdleScenario = {
  name: 'idle',
  doc: '5,000 connections, each waiting in a long poll of 20 s',
  quick: true,
  goal: { growthMibMax: 100, cpuPercentMax: 1 },
  polls: 5000,
};
