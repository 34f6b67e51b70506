import { describe, expect, it } from 'vitest';
import { MessageDraft } from '../../core/message/message-draft.ts';
import { MessageFormats } from '../../core/message/message-formats.ts';
import { ArenaPool } from '../../lib/arena.ts';
import type { Connection } from '../../net/connection.ts';
import { Output } from '../../net/output.ts';
import { SharedFrames } from '../../net/shared-frames.ts';
import { PublishScan, publishProperties, type QoS } from './codec/index.ts';
import type { MqttConnection } from './connection.ts';
import { MQTT_FORMAT_ID, mqttFormat, storedProperties } from './message-format.ts';
import { OutgoingMessage, type Sending } from './outgoing.ts';

const LARGE = 10_000;
const MIB = 1 << 20;

/** A connection that keeps what is written. */
class Subscriber {
  readonly output: Output;
  readonly aliasesOut = undefined;
  readonly packetBytesMax = 1 << 24;
  readonly version: 4 | 5;
  readonly pieces: Buffer[] = [];
  closed = false;
  pendingBytes = 0;

  constructor(version: 4 | 5, arenas: ArenaPool) {
    this.version = version;
    this.output = new Output(this as unknown as Connection, arenas, () => undefined);
  }

  write(pieces: Buffer[]): boolean {
    this.pieces.push(...pieces);
    return true;
  }

  /** The packet that it has got since the last time. */
  packet(): { payload: string; packetId: number; propertiesBytes: number } {
    this.output.flush();
    const bytes = Buffer.concat(this.pieces.splice(0));
    const scan = new PublishScan();
    scan.scan(bytes, 0, bytes.length, this.version);
    return {
      payload: bytes.toString('latin1', scan.payloadStart, scan.payloadEnd),
      packetId: scan.packetId,
      propertiesBytes: scan.propertiesEnd - scan.propertiesStart,
    };
  }
}

function scene() {
  const arenas = new ArenaPool(64 * MIB);
  const frames = new SharedFrames(arenas);
  const message = new OutgoingMessage(new MessageFormats([mqttFormat]), frames);
  const point = (payload: string, contentType = 'text') => {
    const draft = new MessageDraft();
    draft.format = MQTT_FORMAT_ID;
    draft.setNames('amq.topic', 'a.b');
    const stored = storedProperties(1, publishProperties({ contentType }));
    draft.setContent(stored, Buffer.from(payload));
    expect(message.pointAtDraft(draft, undefined)).toBe(true);
  };
  const subscriber = (version: 4 | 5) => new Subscriber(version, arenas);
  const send = (to: Subscriber, qos: QoS, packetId: number) => {
    const subscriptionIds = Buffer.alloc(0);
    const sending: Sending = { qos, retain: false, dup: false, packetId, subscriptionIds };
    const connection = to as unknown as MqttConnection;
    return qos === 0
      ? message.sendShared(connection, qos, false)
      : message.send(connection, sending);
  };
  return { frames, message, point, subscriber, send };
}

describe('a message on its way to many', () => {
  it('is the same for all, whatever their version, but for the packet id', () => {
    const { point, subscriber, send } = scene();
    for (const bytes of [10, 1000, 10, LARGE]) {
      const payload = 'x'.repeat(bytes);
      point(payload);
      const all = [4, 5, 4, 5, 4, 5].map((version) => subscriber(version as 4 | 5));
      for (const [index, each] of all.entries()) send(each, 1, index + 1);
      expect(all.map((each) => each.packet())).toEqual(
        [1, 2, 3, 4, 5, 6].map((packetId) => ({
          payload,
          packetId,
          propertiesBytes: packetId % 2 === 0 ? 'text'.length + 3 : 0,
        })),
      );
    }
  });

  it('goes under the same packet id to all who can take it, as one packet', () => {
    const { message, point, subscriber } = scene();
    const ids: number[] = [];
    for (const qos of [1, 2] as const) {
      point('x');
      const all = [subscriber(4), subscriber(4)];
      for (const each of all) {
        message.sendShared(each as unknown as MqttConnection, qos, false);
        each.output.flush();
      }
      const [one, other] = all.map(({ pieces }) => pieces[0]!);
      expect([one!.buffer === other!.buffer, one!.byteOffset === other!.byteOffset]).toEqual([
        true,
        true,
      ]);
      ids.push(all[0]!.packet().packetId);
      expect(ids.at(-1)).toBe(message.sharedId);
    }
    expect(ids).toEqual([1, 2]);
  });

  it('lies in memory once if it is large', () => {
    const { point, subscriber, send } = scene();
    point('x'.repeat(LARGE));
    const all = [subscriber(4), subscriber(5), subscriber(4)];
    for (const each of all) {
      send(each, 1, 1);
      each.output.flush();
    }
    const bodies = all.map(({ pieces }) => pieces[1]!);
    expect(new Set(bodies.map(({ buffer }) => buffer)).size).toBe(1);
    expect(bodies.map(({ length }) => length)).toEqual([LARGE, LARGE + 7, LARGE]);
  });

  it('reaches clients of 3.x as well if it has properties and no payload', () => {
    const { point, subscriber, send } = scene();
    point('', 'y'.repeat(LARGE));
    const old = subscriber(4);
    send(old, 1, 1);
    expect(old.packet().payload).toBe('');
  });

  it('stays what it is while other forms of it are written, even if nobody holds on to it', () => {
    const { frames, point, subscriber, send } = scene();
    const before = frames.reserve(0);
    // There is room for the form of 3.x and no more.
    frames.position = before.length - 40;
    const [blocked, open] = [subscriber(4), subscriber(5)];
    blocked.pendingBytes = 1;
    blocked.output.frame(Buffer.from([0xd0, 0]));
    blocked.output.flush();
    point('x'.repeat(25));
    send(blocked, 0, 0);
    send(open, 0, 0);
    open.output.flush();
    expect(open.pieces[0]!.buffer === before.buffer).toBe(false);
    // With the next message its memory is used again.
    point('another message');
    expect(frames.reserve(before.length).buffer === before.buffer).toBe(true);
  });

  it('waits as one packet for all whose window is full', () => {
    const { message, point, subscriber } = scene();
    point('x'.repeat(LARGE));
    const frameFor = (version: 4 | 5, qos: QoS, ids = Buffer.alloc(0)) => {
      const sending = { qos, retain: false, dup: false, packetId: 0, subscriptionIds: ids };
      return message.backlogFrame(subscriber(version) as unknown as MqttConnection, sending, 0);
    };
    expect(frameFor(4, 1)).toBe(frameFor(4, 1));
    expect(frameFor(5, 1)).not.toBe(frameFor(4, 1));
    expect(frameFor(4, 2)).not.toBe(frameFor(4, 1));
    expect(frameFor(5, 1, Buffer.from([11, 1]))).not.toBe(frameFor(5, 1));
    const before = frameFor(4, 1);
    point('y'.repeat(LARGE));
    expect(frameFor(4, 1)).not.toBe(before);
  });
});
