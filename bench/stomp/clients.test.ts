import { describe, expect, it } from 'vitest';
import { payloadOf } from '../lib/live/load.ts';
import type { Wire } from '../lib/live/wire.ts';
import { StompPublisher, StompSubscriber } from './clients.ts';
import { stompFrame } from './frames.ts';

const PAYLOAD = payloadOf(20);

function message(id: string, body = PAYLOAD): Buffer {
  const headers = { subscription: '0', 'message-id': id, ack: id, 'content-length': '20' };
  return Buffer.concat([stompFrame('MESSAGE', headers, body), Buffer.from('\n')]);
}

function subscriber(acks: boolean) {
  const written: Buffer[] = [];
  const socket = { write: (bytes: Buffer) => written.push(Buffer.from(bytes)) };
  const wire = { socket } as unknown as Wire;
  return { reading: new StompSubscriber(wire, PAYLOAD, acks), written };
}

describe('a STOMP subscriber of the load', () => {
  it.each([1, 50, 1000])('acknowledges messages that come in pieces of %i bytes', (piece) => {
    const { reading, written } = subscriber(true);
    const bytes = Buffer.concat(['T_1', 'T_10', 'T_100'].map((id) => message(id)));
    let kept = Buffer.alloc(0);
    for (let at = 0; at < bytes.length; at += piece) {
      kept = Buffer.concat([kept, bytes.subarray(at, at + piece)]);
      kept = Buffer.from(kept.subarray(reading.read(kept, 0, kept.length)));
    }
    expect(reading.delivered).toBe(3);
    expect(Buffer.concat(written).toString()).toBe(
      'ACK\nid:T_1\n\n\0ACK\nid:T_10\n\n\0ACK\nid:T_100\n\n\0',
    );
  });

  it('does not see the end of a frame in what was read before', () => {
    const { reading } = subscriber(false);
    const stale = Buffer.concat([message('1').subarray(0, 30), message('2')]);
    expect(reading.read(stale, 0, 30)).toBe(0);
    expect(reading.delivered).toBe(0);
  });

  it.each([
    ['an ERROR', stompFrame('ERROR', { message: 'no' }), true],
    ['another body', message('1', payloadOf(19)), false],
    ['no ack header', stompFrame('MESSAGE', {}, PAYLOAD), true],
  ])('fails when it is sent %s', (_, bytes, acks) => {
    const { reading } = subscriber(acks);
    expect(() => reading.read(bytes, 0, bytes.length)).toThrow('a subscriber was sent');
  });
});

describe('a STOMP publisher of the load', () => {
  it('counts receipts where it waits for them, and takes nothing else', () => {
    const publisher = new StompPublisher(PAYLOAD, PAYLOAD.length, true);
    const receipts = Buffer.from('RECEIPT\nreceipt-id:1\n\n\0\nRECEIPT\nreceipt-id:2\n\n\0');
    publisher.read(receipts, 0, receipts.length);
    expect(publisher.confirmed).toBe(2);
    const error = stompFrame('ERROR', { message: 'no' });
    expect(() => publisher.read(error, 0, error.length)).toThrow('a publisher was sent');
    expect(new StompPublisher(PAYLOAD, PAYLOAD.length, false).confirmed).toBeUndefined();
  });
});
