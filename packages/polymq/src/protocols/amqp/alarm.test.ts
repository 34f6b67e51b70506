import { describe, expect, test } from 'vitest';
import { Alarms } from '../../core/alarms.ts';
import { Alarm } from './alarm.ts';
import type { AmqpServer } from './server.ts';
import type { AmqpSession } from './session.ts';

const MIB = 1024 * 1024;

class FakeSession {
  closed = false;
  publisher = true;
  stalled = false;
  setStalled(stalled: boolean): void {
    this.stalled = stalled;
  }
}

function kit() {
  const alarms = new Alarms();
  const store = { uncommittedBytes: 0 };
  const sessions = new Set<FakeSession>();
  const told: (string | undefined)[] = [];
  const server = {
    broker: { alarms, queues: { store } },
    sessions,
    tellBlocked: (_session: unknown, reason: string | undefined) => told.push(reason),
  };
  const alarm = new Alarm(server as unknown as AmqpServer);
  const session = (publisher = true): FakeSession => {
    const made = Object.assign(new FakeSession(), { publisher });
    sessions.add(made);
    return made;
  };
  const check = (made: FakeSession) => alarm.check(made as unknown as AmqpSession);
  return { alarm, alarms, store, told, session, check };
}

describe('an alarm', () => {
  test('stops those who publish, and tells them', () => {
    const { alarms, told, session } = kit();
    const publisher = session();
    const consumer = session(false);
    alarms.set('memory', true);
    expect([publisher.stalled, consumer.stalled]).toEqual([true, false]);
    expect(told).toEqual(['low on memory']);
    alarms.set('memory', false);
    expect(publisher.stalled).toBe(false);
    expect(told.slice(1)).toEqual([undefined]);
  });

  test('stops a consumer that begins to publish, and tells it once', () => {
    const { alarms, told, session, check } = kit();
    const late = session(false);
    alarms.set('disk', true);
    expect(told).toEqual([]);
    check(late);
    check(late);
    expect(late.stalled).toBe(true);
    expect(told).toEqual(['low on disk']);
  });

  test('ends when nothing is short any more', () => {
    const { alarms, session } = kit();
    const publisher = session();
    alarms.set('memory', true);
    alarms.set('disk', true);
    alarms.set('memory', false);
    expect(publisher.stalled).toBe(true);
    alarms.set('disk', false);
    expect(publisher.stalled).toBe(false);
  });
});

describe('publishers that are faster than the disk', () => {
  test('wait until most of it is committed', () => {
    const { alarm, store, session, check } = kit();
    const publisher = session();
    store.uncommittedBytes = 64 * MIB;
    check(publisher);
    expect(publisher.stalled).toBe(false);
    store.uncommittedBytes = 64 * MIB + 1;
    check(publisher);
    expect(publisher.stalled).toBe(true);
    store.uncommittedBytes = 17 * MIB;
    alarm.committed();
    expect(publisher.stalled).toBe(true);
    store.uncommittedBytes = 16 * MIB;
    alarm.committed();
    expect(publisher.stalled).toBe(false);
  });

  test('wait for the end of the alarm as well', () => {
    const { alarm, alarms, store, session, check } = kit();
    const publisher = session();
    store.uncommittedBytes = 65 * MIB;
    check(publisher);
    alarms.set('memory', true);
    store.uncommittedBytes = 0;
    alarm.committed();
    expect(publisher.stalled).toBe(true);
    alarms.set('memory', false);
    expect(publisher.stalled).toBe(false);
  });
});
