import { describe, expect, test } from 'vitest';
import { Alarms } from './alarms.ts';
import { type HeldPublisher, PublisherHold } from './publisher-hold.ts';

const MIB = 1024 * 1024;

class FakeConnection implements HeldPublisher {
  closed = false;
  publisher: boolean;
  stalled = false;

  constructor(publisher: boolean) {
    this.publisher = publisher;
  }

  setStalled(stalled: boolean): void {
    this.stalled = stalled;
  }
}

function kit() {
  const alarms = new Alarms();
  const store = { uncommittedBytes: 0 };
  const connections = new Set<FakeConnection>();
  const told: (string | undefined)[] = [];
  const tell = (_connection: unknown, reason: string | undefined) => told.push(reason);
  const hold = new PublisherHold({ alarms, store, connections, tell });
  const connect = (publisher = true): FakeConnection => {
    const connection = new FakeConnection(publisher);
    connections.add(connection);
    return connection;
  };
  return { hold, alarms, store, told, connect };
}

describe('an alarm', () => {
  test('stops those who publish, and tells them', () => {
    const { alarms, told, connect } = kit();
    const publisher = connect();
    const consumer = connect(false);
    alarms.set('memory', true);
    expect([publisher.stalled, consumer.stalled]).toEqual([true, false]);
    expect(told).toEqual(['low on memory']);
    alarms.set('memory', false);
    expect(publisher.stalled).toBe(false);
    expect(told.slice(1)).toEqual([undefined]);
  });

  test('stops a consumer that begins to publish, and tells it once', () => {
    const { hold, alarms, told, connect } = kit();
    const late = connect(false);
    alarms.set('disk', true);
    expect(told).toEqual([]);
    hold.check(late);
    hold.check(late);
    expect(late.stalled).toBe(true);
    expect(told).toEqual(['low on disk']);
  });

  test('ends when nothing is short any more', () => {
    const { alarms, connect } = kit();
    const publisher = connect();
    alarms.set('memory', true);
    alarms.set('disk', true);
    alarms.set('memory', false);
    expect(publisher.stalled).toBe(true);
    alarms.set('disk', false);
    expect(publisher.stalled).toBe(false);
  });

  test('does not concern a connection that is closed or forgotten', () => {
    const { hold, alarms, told, connect } = kit();
    const closed = connect();
    const forgotten = connect();
    closed.closed = true;
    alarms.set('memory', true);
    expect([closed.stalled, forgotten.stalled]).toEqual([false, true]);
    hold.forget(forgotten);
    alarms.set('memory', false);
    expect(forgotten.stalled).toBe(true);
    expect(told).toEqual(['low on memory']);
  });

  test('concerns nobody once the hold is closed', () => {
    const { hold, alarms, connect } = kit();
    const publisher = connect();
    hold.close();
    alarms.set('memory', true);
    expect(publisher.stalled).toBe(false);
  });
});

describe('publishers that are faster than the disk', () => {
  test('wait until most of it is committed', () => {
    const { hold, store, connect } = kit();
    const publisher = connect();
    store.uncommittedBytes = 64 * MIB;
    hold.check(publisher);
    expect(publisher.stalled).toBe(false);
    store.uncommittedBytes = 64 * MIB + 1;
    hold.check(publisher);
    expect(publisher.stalled).toBe(true);
    store.uncommittedBytes = 17 * MIB;
    hold.committed();
    expect(publisher.stalled).toBe(true);
    store.uncommittedBytes = 16 * MIB;
    hold.committed();
    expect(publisher.stalled).toBe(false);
  });

  test('wait for the end of the alarm as well', () => {
    const { hold, alarms, store, connect } = kit();
    const publisher = connect();
    store.uncommittedBytes = 65 * MIB;
    alarms.set('memory', true);
    hold.check(publisher);
    store.uncommittedBytes = 0;
    hold.committed();
    expect(publisher.stalled).toBe(true);
    alarms.set('memory', false);
    expect(publisher.stalled).toBe(false);
  });

  test('wait for the disk when the alarm is over', () => {
    const { hold, alarms, store, connect } = kit();
    const publisher = connect();
    alarms.set('memory', true);
    store.uncommittedBytes = 65 * MIB;
    hold.check(publisher);
    alarms.set('memory', false);
    expect(publisher.stalled).toBe(true);
    store.uncommittedBytes = 0;
    hold.committed();
    expect(publisher.stalled).toBe(false);
  });

  test('are left alone when they have closed or are forgotten', () => {
    const { hold, store, connect } = kit();
    const closed = connect();
    const forgotten = connect();
    store.uncommittedBytes = 65 * MIB;
    hold.check(closed);
    hold.check(forgotten);
    closed.closed = true;
    hold.forget(forgotten);
    store.uncommittedBytes = 0;
    hold.committed();
    expect([closed.stalled, forgotten.stalled]).toEqual([true, true]);
  });
});
