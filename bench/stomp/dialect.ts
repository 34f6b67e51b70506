/** STOMP 1.2 as load, with RabbitMQ's destinations. */
import { type Dialect, type LiveShape, payloadOf, ringOf } from '../lib/live/load.ts';
import type { Wire } from '../lib/live/wire.ts';
import { StompPublisher, StompSubscriber } from './clients.ts';
import { frameLength, stompFrame } from './frames.ts';

export interface StompShape extends LiveShape {
  destination: 'queue' | 'topic';
  ack: 'auto' | 'client' | 'client-individual';
  /** The publisher asks for a receipt of each message. */
  receipts: boolean;
  /** Messages are stored. */
  persistent: boolean;
}

const RECEIPT_DIGITS = 8;

export const stompDialect: Dialect<StompShape> = {
  async subscribe(wire, name, { destination, ack, payloadBytes }) {
    await join(wire);
    const headers = { id: '0', destination: `/${destination}/${name}`, ack, receipt: 'sub' };
    expect('RECEIPT', await wire.ask(stompFrame('SUBSCRIBE', headers), frameLength));
    return new StompSubscriber(wire, payloadOf(payloadBytes), ack !== 'auto');
  },

  async publish(wire, name, shape) {
    await join(wire);
    const { destination, receipts, persistent, payloadBytes, window, publishers } = shape;
    const payload = payloadOf(payloadBytes);
    const unit = (i: number) =>
      stompFrame(
        'SEND',
        {
          destination: `/${destination}/${name}`,
          'content-type': 'text/plain',
          'content-length': String(payloadBytes),
          ...(persistent ? { persistent: 'true' } : {}),
          ...(receipts ? { receipt: `r${String(i).padStart(RECEIPT_DIGITS, '0')}` } : {}),
        },
        payload,
      );
    return new StompPublisher(ringOf(window / publishers, unit), unit(0).length, receipts);
  },
};

async function join(wire: Wire): Promise<void> {
  const headers = {
    'accept-version': '1.2',
    host: '/',
    login: 'guest',
    passcode: 'guest',
    'heart-beat': '0,0',
  };
  expect('CONNECTED', await wire.ask(stompFrame('CONNECT', headers), frameLength));
}

function expect(command: string, answer: Buffer): void {
  const text = answer.toString('utf8').trimStart();
  if (!text.startsWith(`${command}\n`)) throw new Error(`${command} was due, ${text} came`);
}
