import { expect, test } from 'vitest';
import { ManualClock, settled } from '../../driver/testing/manual-clock.ts';
import { type ClientErrorCode, PolymqError } from '../../errors.ts';
import { deferred } from '../../lib/deferred.ts';
import { HEADER } from '../../message/headers.ts';
import type { TopicRecord, WireMessage } from '../../message/wire-message.ts';
import type { ProduceOutcome } from './producer.ts';
import { QueueCopies } from './queue-copies.ts';

interface Options {
  readonly deadLetter?: string;
  /** Why a queue does not take a message. */
  readonly refuse?: (queue: string, id: string) => ClientErrorCode | undefined;
}

function start({ deadLetter, refuse = () => undefined }: Options = {}) {
  const clock = new ManualClock();
  const sends: string[] = [];
  const stored = new Map<string, WireMessage[]>();
  const commits: string[] = [];
  const reports: PolymqError[] = [];
  const gate = { open: Promise.resolve() };
  const outcomeOf = (queue: string, message: WireMessage): ProduceOutcome => {
    const code = refuse(queue, message.id);
    if (code !== undefined) return new PolymqError(code, `${queue} refuses ${message.id}`);
    stored.set(queue, [...(stored.get(queue) ?? []), message]);
    return { partition: 0, offset: 0 };
  };
  const copies = new QueueCopies({
    topic: 't',
    queue: 'q',
    clock,
    send: async (queue, messages) => {
      sends.push(`${queue}: ${messages.map(({ id }) => id).join(' ')}`);
      await gate.open;
      return messages.map((message) => outcomeOf(queue, message));
    },
    deadLetterOf: async () => deadLetter,
    commit: (partition, offset) => void commits.push(`${partition}@${offset}`),
    report: (error) => void reports.push(error),
  });
  const idsIn = (queue: string): string[] => (stored.get(queue) ?? []).map(({ id }) => id);
  return { clock, copies, sends, stored, idsIn, commits, reports, gate };
}

function records(first: number, count: number, partition = 0): TopicRecord[] {
  return Array.from({ length: count }, (_, at) => ({
    id: `${first + at}`,
    body: Buffer.from('x'),
    contentType: '',
    headers: { a: 'b' },
    timestampMs: 1,
    partition,
    offset: first + at,
  }));
}

test('commits what the queue has', async () => {
  const { copies, idsIn, commits } = start();
  await copies.copy(records(5, 3));
  expect(idsIn('q')).toEqual(['5', '6', '7']);
  expect(commits).toEqual(['0@8']);
});

test('sends again only what was not stored, after a growing wait', async () => {
  let isDown = true;
  const refuse = (_: string, id: string) => (isDown && id === '6' ? 'timeout' : undefined);
  const { clock, copies, sends, idsIn, commits, reports } = start({ refuse });
  const copied = copies.copy(records(5, 3));
  await settled();
  expect(sends).toEqual(['q: 5 6 7']);
  expect(commits).toEqual(['0@6']);
  await clock.advance(60_000);
  // 0.1 s, 0.2 s, … 6.4 s, then every 10 s.
  expect(sends.slice(1)).toEqual(Array.from({ length: 11 }, () => 'q: 6'));
  expect(reports.map(({ code }) => code)).toEqual(['timeout']);
  isDown = false;
  await clock.advance(10_000);
  await copied;
  expect(idsIn('q')).toEqual(['5', '7', '6']);
  expect(commits.at(-1)).toBe('0@8');
});

test('what can never be stored goes to the dead letters, and those behind it are copied', async () => {
  const refuse = (queue: string, id: string) =>
    queue === 'q' && id === '6' ? 'message-too-large' : undefined;
  const { copies, stored, idsIn, commits, reports } = start({ refuse, deadLetter: 'q-dlq' });
  await copies.copy(records(5, 3));
  expect(idsIn('q')).toEqual(['5', '7']);
  expect(commits).toEqual(['0@8']);
  const [letter] = stored.get('q-dlq')!;
  expect(letter).toMatchObject({ id: '6', headers: { a: 'b', [HEADER.deadQueue]: 'q' } });
  expect(letter!.headers[HEADER.deadReason]).toContain('q refuses 6');
  expect(reports).toEqual([]);
});

test('what no dead-letter queue takes either is skipped, and reported with its place', async () => {
  const refuse = (_: string, id: string) => (id === '6' ? 'message-too-large' : undefined);
  for (const deadLetter of [undefined, 'q-dlq']) {
    const options = deadLetter === undefined ? { refuse } : { refuse, deadLetter };
    const { copies, idsIn, commits, reports } = start(options);
    await copies.copy(records(5, 3, 2));
    expect(idsIn('q')).toEqual(['5', '7']);
    expect(commits).toEqual(['2@8']);
    expect(reports).toHaveLength(1);
    expect(reports[0]!.message).toContain('partition 2, offset 6');
  }
});

test('a topic full of what can never be stored is reported now and then', async () => {
  const { copies, commits, reports } = start({ refuse: () => 'message-too-large' });
  await copies.copy(records(0, 1_000));
  expect(commits).toEqual(['0@500', '0@1000']);
  expect(reports).toHaveLength(10);
});

test('an engine that fails for reasons of its own is asked for a while, and then given up on', async () => {
  const refuse = (queue: string, id: string) =>
    queue === 'q' && id === '6' ? 'engine-failed' : undefined;
  const { clock, copies, sends, idsIn } = start({ refuse, deadLetter: 'q-dlq' });
  const copied = copies.copy(records(5, 3));
  await clock.advance(60_000);
  await copied;
  expect(sends.filter((sent) => sent === 'q: 6')).toHaveLength(9);
  expect(idsIn('q-dlq')).toEqual(['6']);
});

test('a letter waits for a dead-letter queue that cannot be reached', async () => {
  let isDown = true;
  const refuse = (queue: string, id: string) => {
    if (queue === 'q') return id === '6' ? 'message-too-large' : undefined;
    return isDown ? 'timeout' : undefined;
  };
  const { clock, copies, idsIn, commits } = start({ refuse, deadLetter: 'q-dlq' });
  const copied = copies.copy(records(5, 3));
  await clock.advance(1_000);
  expect([idsIn('q-dlq'), commits.at(-1)]).toEqual([[], '0@6']);
  isDown = false;
  await clock.advance(10_000);
  await copied;
  expect([idsIn('q-dlq'), commits.at(-1)]).toEqual([['6'], '0@8']);
});

test('a queue that is gone leaves the records in the topic, and other partitions are told of once', async () => {
  let isGone = true;
  const refuse = () => (isGone ? 'not-found' : undefined);
  const { clock, copies, idsIn, commits, reports } = start({ refuse, deadLetter: 'q-dlq' });
  const copied = Promise.all([copies.copy(records(0, 2)), copies.copy(records(0, 2, 1))]);
  await clock.advance(120_000);
  expect([commits, reports.map(({ code }) => code)]).toEqual([[], ['not-found']]);
  isGone = false;
  await clock.advance(10_000);
  await copied;
  expect(idsIn('q')).toHaveLength(4);
  expect(commits.sort()).toEqual(['0@2', '1@2']);
});

test('a partition is handed over when its copies that are under way are committed', async () => {
  const { copies, sends, commits, gate } = start();
  const answer = deferred<void>();
  gate.open = answer.promise;
  void copies.copy(records(0, 1_000));
  await settled();
  const revoked = copies.revoked([0]);
  answer.resolve();
  await revoked;
  expect(commits).toEqual(['0@500']);
  expect(sends).toHaveLength(1);
});

test('nothing is committed for a partition that went to somebody else', async () => {
  const { clock, copies, commits, gate } = start();
  const answer = deferred<void>();
  gate.open = answer.promise;
  const copied = copies.copy(records(0, 2));
  const revoked = copies.revoked([0]);
  await clock.advance(5_000);
  await revoked;
  answer.resolve();
  await copied;
  expect(commits).toEqual([]);
});

test('a wait for the queue ends when the partition goes', async () => {
  const { clock, copies, commits } = start({ refuse: () => 'timeout' });
  const copied = copies.copy(records(0, 2));
  await settled();
  await copies.revoked([0]);
  await copied;
  expect([commits, clock.timers]).toEqual([[], 0]);
});
