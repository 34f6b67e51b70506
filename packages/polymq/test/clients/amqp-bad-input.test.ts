import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  bodyFrames,
  FRAME_METHOD,
  frame,
  headerFrame,
  METHODS,
  methodFrame,
  PROTOCOL_HEADER,
} from '../support/amqp-frames.ts';
import { AmqpWire } from '../support/amqp-wire.ts';
import { type Polymq, startPolymq } from '../support/polymq.ts';

const SEND_TIMEOUT_MS = 2000;
const BODY_BYTES = 50_000;
const MIB = 1024 * 1024;
/** What a client that does not read may cost: output of a turn, what the kernel holds, and the reading side of others. */
const STALLED_MIB_MAX = 96;

let broker: Polymq;

beforeAll(async () => {
  broker = await startPolymq({
    data: 'memory:',
    listen: ['amqp://127.0.0.1:0', 'http://127.0.0.1:0'],
    args: [
      '--amqp-send-timeout-ms',
      String(SEND_TIMEOUT_MS),
      '--amqp-message-bytes-max',
      '1048576',
    ],
  });
});
afterAll(async () => {
  const exit = await broker?.stop();
  expect(exit?.code).toBe(0);
});

const wire = () => AmqpWire.connect({ port: broker.port('amqp') });

/** A bare socket and all that comes on it until it is closed. */
function raw(): { socket: Socket; closed: Promise<Buffer> } {
  const socket = connect({ host: '127.0.0.1', port: broker.port('amqp') });
  const received: Buffer[] = [];
  socket.on('error', () => {});
  socket.on('data', (bytes) => received.push(bytes));
  const closed = new Promise<Buffer>((resolve) =>
    socket.once('close', () => resolve(Buffer.concat(received))),
  );
  return { socket, closed };
}

const HANDSHAKE = Buffer.concat([
  PROTOCOL_HEADER,
  methodFrame(0, 'connection.start-ok', {
    mechanism: 'PLAIN',
    response: '\0guest\0guest',
    locale: 'en_US',
  }),
  methodFrame(0, 'connection.tune-ok', { channelMax: 2047, frameMax: 131_072, heartbeat: 0 }),
  methodFrame(0, 'connection.open', { virtualHost: '/' }),
  methodFrame(1, 'channel.open'),
]);

const { classId, methodId } = METHODS.get('connection.close')!;
const CLOSE_IDS = Buffer.from([0, classId, 0, methodId]);

/** Asks like any client does; a broker that answers this goes on. */
async function stillServes(): Promise<void> {
  const client = await wire();
  const channel = await client.openChannel();
  await channel.declareQueue('still', { exclusive: true });
  channel.publish('', 'still', Buffer.from('alive'));
  expect((await channel.get('still', true))?.body.toString()).toBe('alive');
  await client.close();
}

describe('a connection that is no AMQP is closed', () => {
  test.for<[string, Buffer, string]>([
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'), 'AMQP'],
    ['a TLS hello', Buffer.from('160301020001000100', 'hex'), 'AMQP'],
    ['AMQP 1.0', Buffer.from('AMQP\x00\x01\x00\x00', 'latin1'), 'AMQP'],
  ])('%s gets the header of this version', async ([, bytes, start]) => {
    const { socket, closed } = raw();
    socket.write(bytes);
    const answer = await closed;
    expect(answer).toEqual(PROTOCOL_HEADER);
    expect(answer.toString('latin1', 0, 4)).toBe(start);
    await stillServes();
  });

  test.for<[string, Buffer]>([
    ['a frame of 4 GiB before the login', Buffer.from('0100000000ffff'.padEnd(14, 'f'), 'hex')],
    ['a frame without an end', Buffer.from('01000000000004000a000b00', 'hex')],
    ['a type that does not exist', Buffer.from('09000000000000ce', 'hex')],
  ])('%s', async ([, bytes]) => {
    const { socket, closed } = raw();
    socket.write(Buffer.concat([PROTOCOL_HEADER, bytes]));
    await closed;
    await stillServes();
  });
});

describe('a connection that breaks the protocol is told so', () => {
  const method = (classId: number, methodId: number, args: string) => {
    const payload = Buffer.alloc(4);
    payload.writeUInt16BE(classId, 0);
    payload.writeUInt16BE(methodId, 2);
    return frame(FRAME_METHOD, 1, Buffer.concat([payload, Buffer.from(args, 'hex')]));
  };

  test.for<[string, Buffer, number]>([
    ['a frame larger than agreed', Buffer.from('01000100020001', 'hex'), 501],
    ['a frame that ends elsewhere', Buffer.from('0100010000000400140014ff', 'hex'), 501],
    ['a method that does not exist', method(60, 999, ''), 503],
    ['arguments cut short', method(50, 10, '0000'), 502],
    ['a table longer than its frame', method(50, 10, `0000${'00'}${'00'}7fffffff`), 502],
    ['content that nobody announced', headerFrame(1, 5), 505],
    ['a channel that is not open', methodFrame(9, 'basic.get', { queue: 'q' }), 504],
  ])('%s', async ([, bytes, code]) => {
    const { socket, closed } = raw();
    socket.write(Buffer.concat([HANDSHAKE, bytes]));
    socket.on('data', (part) => {
      if (part.includes(CLOSE_IDS)) socket.write(methodFrame(0, 'connection.close-ok'));
    });
    const answer = await closed;
    const at = answer.lastIndexOf(CLOSE_IDS);
    expect(at).toBeGreaterThan(0);
    expect(answer.readUInt16BE(at + 4)).toBe(code);
    await stillServes();
  });

  test('and is closed also if it never answers', async () => {
    const { socket, closed } = raw();
    socket.write(Buffer.concat([HANDSHAKE, headerFrame(1, 5)]));
    expect((await closed).includes(CLOSE_IDS)).toBe(true);
  });

  test('a message larger than allowed ends its channel before its body is read', async () => {
    const client = await wire();
    const channel = await client.openChannel();
    const ended = new Promise<Error>((resolve) => {
      channel.onClosed = resolve;
    });
    client.socket.write(methodFrame(1, 'basic.publish', { routingKey: 'q' }));
    client.socket.write(headerFrame(1, 1_048_577));
    expect(String(await ended)).toContain(
      'PRECONDITION_FAILED - message size 1048577 is larger than configured max size 1048576',
    );
    await client.close();
  });
});

describe('a consumer that stops reading', () => {
  async function publishMany(messages: number): Promise<void> {
    const client = await wire();
    const channel = await client.openChannel();
    await channel.call('confirm.select');
    const body = Buffer.alloc(BODY_BYTES, 'x');
    let confirmed = 0;
    let wake: () => void = () => {};
    channel.onMethod = (name, { deliveryTag }) => {
      if (name === 'basic.ack') confirmed = Number(deliveryTag);
      wake();
    };
    for (let sent = 0; sent < messages; sent++) {
      client.socket.write(
        Buffer.concat([
          methodFrame(1, 'basic.publish', { exchange: 'amq.fanout' }),
          headerFrame(1, body.length),
          ...bodyFrames(1, body, client.frameMax),
        ]),
      );
      while (sent - confirmed > 50) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
    await client.close();
  }

  const outputBytes = async (): Promise<number> => {
    const page = await (await fetch(`http://127.0.0.1:${broker.port('http')}/metrics`)).text();
    return Number(/^polymq_sent_bytes_total\{[^}]*amqp[^}]*\} (\d+)/m.exec(page)?.[1] ?? 0);
  };

  test('is sent no more than its buffer holds, and is cut off when its time is over', async () => {
    const slow = await wire();
    const channel = await slow.openChannel();
    await channel.declareQueue('slow', { durable: true });
    await channel.call('queue.bind', { queue: 'slow', exchange: 'amq.fanout' });
    await channel.call('basic.consume', { queue: 'slow', consumerTag: 'c', noAck: true });
    const healthy = await wire();
    const other = await healthy.openChannel();
    slow.socket.pause();
    const before = await outputBytes();
    const messages = 4000;
    await publishMany(messages);
    const sentMib = ((await outputBytes()) - before) / MIB;
    expect((messages * BODY_BYTES) / MIB).toBeGreaterThan(STALLED_MIB_MAX * 1.5);
    expect(sentMib).toBeLessThan(STALLED_MIB_MAX);

    let waiting = 0;
    // Its consumer is gone as soon as it is cut off.
    await expect
      .poll(
        async () => {
          const { consumerCount, messageCount } = await other.declareQueue('slow', {
            durable: true,
          });
          waiting = Number(messageCount);
          return consumerCount;
        },
        { timeout: 20_000, interval: 100 },
      )
      .toBe(0);
    expect(waiting).toBeGreaterThan(messages / 2);
    expect(broker.stdout + broker.stderr).toContain('cut off an AMQP connection');
    // Reading again shows it the end.
    const ended = new Promise((resolve) => slow.socket.once('close', resolve));
    slow.socket.resume();
    await ended;
    await other.call('queue.delete', { queue: 'slow' });
    await healthy.close();
    await stillServes();
  });
});
