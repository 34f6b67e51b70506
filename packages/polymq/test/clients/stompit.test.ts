/**
 * What programs with stompit do: streams of bytes for bodies, callbacks for everything. How they are told of errors is not among
 * it: stompit throws where nobody can catch it when an ERROR frame has a length, as those of RabbitMQ have.
 */
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
// @ts-expect-error: it came without types.
import stompit from 'stompit';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { uniqueName } from './peer.ts';
import { STOMP_PEER_IS_POLYMQ, type StompPeer, startStompPeer } from './stomp-peer.ts';
import { until } from './stompjs-client.ts';

type Headers = Record<string, string>;
type Callback<T> = (error: Error | null, value: T) => void;

interface Message extends NodeJS.ReadableStream {
  headers: Headers;
}

/** As far as it is used here. */
interface StompitClient {
  headers: Headers;
  on(event: 'error', listener: (error: Error) => void): this;
  send(headers: Headers, options?: { onReceipt?: () => void }): NodeJS.WritableStream;
  sendString(headers: Headers, body: string, options?: { onReceipt?: () => void }): void;
  subscribe(headers: Headers, listener: Callback<Message>): { unsubscribe(): void };
  ack(message: Message): void;
  nack(message: Message): void;
  begin(): { send(headers: Headers): NodeJS.WritableStream; commit(): void; abort(): void };
  disconnect(callback: Callback<undefined>): void;
  destroy(): void;
}

interface Channel {
  send(headers: Headers, body: string, callback: (error: Error | null) => void): void;
  subscribe(headers: Headers, listener: Callback<Message>): { unsubscribe(): void };
  ack(message: Message): void;
  close(): void;
}

let peer: StompPeer;

beforeAll(async () => {
  peer = await startStompPeer();
});
afterAll(() => peer?.stop());

function connectStompit(headers: Headers = {}): Promise<StompitClient> {
  const connectHeaders = { host: '/', login: 'guest', passcode: 'guest', ...headers };
  const options = { host: peer.host, port: peer.port, connectHeaders };
  return new Promise((resolve, reject) => {
    stompit.connect(options, (error: Error | null, client: StompitClient) => {
      if (error) return reject(error);
      client.on('error', () => undefined);
      onTestFinished(() => client.destroy());
      resolve(client);
    });
  });
}

/** Bodies and headers in the order in which they came; `answer` is called before the next is read. */
function inbox(
  client: StompitClient,
  headers: Headers,
  answer: (message: Message, body: string) => void = () => undefined,
): { bodies: string[]; headers: Headers[] } {
  const got = { bodies: [] as string[], headers: [] as Headers[] };
  client.subscribe(headers, (error, message) => {
    if (error) return;
    void text(message).then((body) => {
      got.bodies.push(body);
      got.headers.push(message.headers);
      answer(message, body);
    });
  });
  return got;
}

function sendWithReceipt(client: StompitClient, headers: Headers, body: string): Promise<void> {
  return new Promise((resolve) => client.sendString(headers, body, { onReceipt: resolve }));
}

describe('stompit', () => {
  test('speaks each version, with heart-beats', async () => {
    for (const version of ['1.0', '1.1', '1.2']) {
      const client = await connectStompit({
        'accept-version': version,
        'heart-beat': '1000,1000',
      });
      expect(client.headers).toMatchObject({ version, 'heart-beat': '1000,1000' });
      const destination = `/queue/${uniqueName('version')}`;
      const got = inbox(client, { destination, ack: 'auto' });
      await sendWithReceipt(client, { destination, foo: 'b:a\\r' }, 'hello');
      await until(() => expect(got.bodies).toEqual(['hello']));
      // Only from 1.1 on are there headers that may hold a colon, and RabbitMQ reads escapes in 1.0 too.
      if (version !== '1.0') expect(got.headers[0]!['foo']).toBe('b:a\\r');
    }
  });

  test('streams large bodies', async () => {
    const client = await connectStompit();
    const destination = `/queue/${uniqueName('stream')}`;
    const got = inbox(client, { destination, ack: 'auto' });
    const known = Buffer.alloc(5_000_000, 'k').toString();
    const frame = client.send({ destination, 'content-length': `${known.length}` });
    for (let at = 0; at < known.length; at += 100_000) {
      if (!frame.write(known.slice(at, at + 100_000))) await once(frame, 'drain');
    }
    frame.end();
    const unknown = client.send({ destination });
    for (let piece = 0; piece < 20; piece++) unknown.write('u'.repeat(100_000));
    unknown.end();
    await until(() => expect(got.bodies.length).toBe(2));
    expect(got.bodies[0] === known).toBe(true);
    expect(got.bodies[1]).toBe('u'.repeat(2_000_000));
  });

  test('acknowledges one by one and gives back', async () => {
    const client = await connectStompit({ 'accept-version': '1.1' });
    const destination = `/queue/${uniqueName('acks')}`;
    for (const body of ['1', '2', '3']) await sendWithReceipt(client, { destination }, body);
    let refused = false;
    const got = inbox(client, { destination, ack: 'client-individual' }, (message, body) => {
      if (body === '2' && !refused) {
        refused = true;
        client.nack(message);
      } else client.ack(message);
    });
    await until(() => expect(got.bodies).toEqual(['1', '2', '3', '2']));
  });

  test('commits transactions', async () => {
    const client = await connectStompit();
    const destination = `/queue/${uniqueName('tx')}`;
    const got = inbox(client, { destination, ack: 'auto' });
    const transaction = client.begin();
    transaction.send({ destination }).end('one');
    transaction.send({ destination }).end('two');
    await sendWithReceipt(client, { destination }, 'outside');
    transaction.commit();
    await until(() => expect(got.bodies).toEqual(['outside', 'one', 'two']));
  });

  test('disconnects when all it has sent was taken', async () => {
    const client = await connectStompit();
    const destination = `/queue/${uniqueName('bye')}`;
    for (let index = 0; index < 100; index++) client.sendString({ destination }, `${index}`);
    await new Promise<void>((resolve, reject) => {
      client.disconnect((error) => (error ? reject(error) : resolve()));
    });
    const got = inbox(await connectStompit(), { destination, ack: 'auto' });
    await until(() => expect(got.bodies).toHaveLength(100));
  });

  // Only a broker that the tests have started may be killed.
  test.skipIf(!STOMP_PEER_IS_POLYMQ)('a channel goes on after the broker was killed', async () => {
    const connectHeaders = { host: '/', login: 'guest', passcode: 'guest' };
    const server = { host: peer.host, port: peer.port, connectHeaders };
    const options = {
      initialReconnectDelay: 50,
      maxReconnects: 1000,
      useExponentialBackOff: false,
    };
    const failover = new stompit.ConnectFailover([server], options);
    const channel = new stompit.Channel(failover, { alwaysConnected: true }) as Channel;
    onTestFinished(() => channel.close());
    const destination = `/queue/${uniqueName('failover')}`;
    const persistent = { destination, persistent: 'true' };
    const send = (body: string) =>
      new Promise<void>((resolve, reject) => {
        channel.send(persistent, body, (error) => (error ? reject(error) : resolve()));
      });
    await send('before');
    const killed = peer.crashAndRestart();
    await Promise.all([killed, send('while')]);
    await send('after');
    const bodies: string[] = [];
    const subscription = channel.subscribe(
      { destination, ack: 'client-individual' },
      (error, message) => {
        if (error) return;
        void text(message).then((body) => {
          bodies.push(body);
          channel.ack(message);
        });
      },
    );
    await until(() => expect(new Set(bodies)).toEqual(new Set(['before', 'while', 'after'])));
    subscription.unsubscribe();
  });
});
