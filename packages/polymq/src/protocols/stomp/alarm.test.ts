import { describe, expect, test } from 'vitest';
import { Alarms } from '../../core/alarms.ts';
import { Alarm } from './alarm.ts';
import type { StompServer } from './server.ts';
import type { StompSession } from './session.ts';

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
  const alarm = new Alarm({
    broker: { alarms, queues: { store } },
    sessions,
  } as unknown as StompServer);
  const session = (publisher = true): FakeSession => {
    const made = Object.assign(new FakeSession(), { publisher });
    sessions.add(made);
    return made;
  };
  const check = (made: FakeSession) => alarm.check(made as unknown as StompSession);
  return { alarm, alarms, store, session, check };
}

describe('an alarm', () => {
  test('stops those who send, and nobody else', () => {
    const { alarms, session } = kit();
    const publisher = session();
    const subscriber = session(false);
    alarms.set('memory', true);
    expect([publisher.stalled, subscriber.stalled]).toEqual([true, false]);
    alarms.set('memory', false);
    expect(publisher.stalled).toBe(false);
  });

  test('stops a subscriber that begins to send', () => {
    const { alarms, session, check } = kit();
    const late = session(false);
    alarms.set('disk', true);
    check(late);
    expect(late.stalled).toBe(true);
  });

  test('holds those who are faster than the disk until it has caught up', () => {
    const { alarm, store, session, check } = kit();
    const publisher = session();
    store.uncommittedBytes = 65 * MIB;
    check(publisher);
    store.uncommittedBytes = 17 * MIB;
    alarm.committed();
    expect(publisher.stalled).toBe(true);
    store.uncommittedBytes = 16 * MIB;
    alarm.committed();
    expect(publisher.stalled).toBe(false);
  });

  test('lets nobody go for whom there is another reason', () => {
    const { alarm, alarms, store, session, check } = kit();
    const publisher = session();
    store.uncommittedBytes = 65 * MIB;
    alarms.set('memory', true);
    check(publisher);
    store.uncommittedBytes = 0;
    alarm.committed();
    expect(publisher.stalled).toBe(true);
    alarms.set('memory', false);
    expect(publisher.stalled).toBe(false);
  });
});
