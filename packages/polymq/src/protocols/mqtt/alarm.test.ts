import { describe, expect, it } from 'vitest';
import { Alarms } from '../../core/alarms.ts';
import { Alarm } from './alarm.ts';
import type { MqttConnection } from './connection.ts';
import type { MqttServer } from './server.ts';

const MIB = 1024 * 1024;

interface FakeConnection {
  publisher: boolean;
  stalled: boolean;
  setStalled(stalled: boolean): void;
}

function kit() {
  const alarms = new Alarms();
  const store = { uncommittedBytes: 0 };
  const connections = new Set<FakeConnection>();
  const broker = { alarms, queues: { store } };
  const alarm = new Alarm({ broker, connections } as unknown as MqttServer);
  const connect = (publisher: boolean): FakeConnection => {
    const connection: FakeConnection = {
      publisher,
      stalled: false,
      setStalled(stalled) {
        this.stalled = stalled;
      },
    };
    connections.add(connection);
    return connection;
  };
  const check = (connection: FakeConnection) =>
    alarm.check(connection as unknown as MqttConnection);
  const forget = (connection: FakeConnection) =>
    alarm.forget(connection as unknown as MqttConnection);
  return { alarm, alarms, store, connect, check, forget };
}

describe('an alarm', () => {
  it('holds those back who have published, and whoever begins to', () => {
    const { alarms, connect, check } = kit();
    const publisher = connect(true);
    const subscriber = connect(false);
    alarms.set('disk', true);
    expect([publisher.stalled, subscriber.stalled]).toEqual([true, false]);
    check(subscriber);
    expect(subscriber.stalled).toBe(true);
    alarms.set('disk', false);
    expect([publisher.stalled, subscriber.stalled]).toEqual([false, false]);
  });

  it('holds those back who are faster than the disk, until it has caught up', () => {
    const { alarm, store, connect, check } = kit();
    const publisher = connect(true);
    store.uncommittedBytes = 65 * MIB;
    check(publisher);
    store.uncommittedBytes = 17 * MIB;
    alarm.committed();
    expect(publisher.stalled).toBe(true);
    store.uncommittedBytes = 16 * MIB;
    alarm.committed();
    expect(publisher.stalled).toBe(false);
  });

  it('lets nobody go for whom there is another reason, nor one who is not there', () => {
    const { alarm, alarms, store, connect, check, forget } = kit();
    const both = connect(true);
    const gone = connect(true);
    store.uncommittedBytes = 65 * MIB;
    alarms.set('memory', true);
    check(both);
    check(gone);
    forget(gone);
    store.uncommittedBytes = 0;
    alarm.committed();
    expect(both.stalled).toBe(true);
    alarms.set('memory', false);
    expect([both.stalled, gone.stalled]).toEqual([false, true]);
  });
});
