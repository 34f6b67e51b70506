/** What programs with @stomp/stompjs do, over TCP and over WebSocket. */
import { connect as amqpConnect } from 'amqplib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { uniqueName } from './peer.ts';
import { STOMP_PEER_IS_POLYMQ, type StompPeer, startStompPeer } from './stomp-peer.ts';
import { closeAll, connectStompjs, TRANSPORTS, until } from './stompjs-client.ts';

let peer: StompPeer;

beforeAll(async () => {
  peer = await startStompPeer();
});
afterEach(closeAll);
afterAll(() => peer?.stop());

// A backslash before a letter that is one of STOMP's escapes is more than stompjs can read.
const AWKWARD = 'a:b\\x\nd\re — ü';

describe.each(TRANSPORTS)('stompjs over %s', (transport) => {
  test('speaks 1.2, and sends and receives text and bytes', async () => {
    const { client, send, subscribe } = await connectStompjs(peer, transport);
    expect(client.connectedVersion).toBe('1.2');
    const queue = `/queue/${uniqueName('text')}`;
    const inbox = await subscribe(queue);
    await send(queue, 'grüße', { 'content-type': 'text/plain' });
    await send(queue, Uint8Array.of(0, 1, 255, 0));
    await send(queue, '');
    const [text, bytes, empty] = await inbox.waitFor(3);
    expect(text!.body).toBe('grüße');
    expect(text!.headers['content-type']).toBe('text/plain');
    expect(text!.headers['destination']).toBe(queue);
    expect(text!.headers['redelivered']).toBe('false');
    expect([...bytes!.binaryBody]).toEqual([0, 1, 255, 0]);
    expect(empty!.body).toBe('');
  });

  test('speaks older versions if it is told to', async () => {
    const { Versions } = await import('@stomp/stompjs');
    for (const version of ['1.0', '1.1']) {
      const stompVersions = new Versions([version]);
      const { client, send, subscribe } = await connectStompjs(peer, transport, { stompVersions });
      expect(client.connectedVersion).toBe(version);
      const queue = `/queue/${uniqueName('old')}`;
      const inbox = await subscribe(queue, { ack: 'client-individual' });
      await send(queue, 'x');
      const [message] = await inbox.waitFor(1);
      message!.ack();
    }
  });

  test('keeps headers as they are, whatever stands in them', async () => {
    const { send, subscribe } = await connectStompjs(peer, transport);
    const topic = `/topic/${uniqueName('headers')}`;
    const inbox = await subscribe(topic, { id: 'with:colon\\' });
    await send(topic, 'x', { plain: 'x', awkward: AWKWARD, 'correlation-id': '7' });
    const [message] = await inbox.waitFor(1);
    expect(message!.headers).toMatchObject({
      plain: 'x',
      awkward: AWKWARD,
      'correlation-id': '7',
      subscription: 'with:colon\\',
    });
  });

  test('acknowledges one or all, and gives back', async () => {
    const { client, send, subscribe } = await connectStompjs(peer, transport);
    const queue = `/queue/${uniqueName('acks')}`;
    for (const body of ['1', '2', '3', '4']) await send(queue, body);
    const inbox = await subscribe(queue, { ack: 'client', id: 'all' });
    const messages = await inbox.waitFor(4);
    messages[1]!.ack();
    messages[2]!.nack();
    await until(() => expect(inbox.messages.length).toBe(5));
    expect(inbox.messages[4]!.body).toBe('3');
    expect(inbox.messages[4]!.headers['redelivered']).toBe('true');
    inbox.messages[4]!.nack({ requeue: 'false' });
    await client.deactivate();
    const again = await connectStompjs(peer, transport);
    const rest = await again.subscribe(queue);
    await again.send(queue, 'last');
    const bodies = (await rest.waitFor(1)).map(({ body }) => body);
    expect(bodies.at(-1)).toBe('last');
    expect(bodies).not.toContain('1');
  });

  test('commits and aborts transactions', async () => {
    const { client, send, subscribe } = await connectStompjs(peer, transport);
    const queue = `/queue/${uniqueName('tx')}`;
    const inbox = await subscribe(queue);
    const kept = client.begin();
    const dropped = client.begin();
    client.publish({ destination: queue, body: 'kept', headers: { transaction: kept.id } });
    client.publish({ destination: queue, body: 'dropped', headers: { transaction: dropped.id } });
    await send(queue, 'outside');
    dropped.abort();
    kept.commit();
    const messages = await inbox.waitFor(2);
    expect(messages.map(({ body }) => body)).toEqual(['outside', 'kept']);
  });

  test('subscribes to topics with wildcards, and stops', async () => {
    const { send, subscribe } = await connectStompjs(peer, transport);
    const topic = uniqueName('news').replaceAll('.', '-');
    const all = await subscribe(`/topic/${topic}.#`);
    const one = await subscribe(`/topic/${topic}.*.de`);
    await send(`/topic/${topic}.sport.de`, 'both');
    await send(`/topic/${topic}.sport`, 'all');
    await all.waitFor(2);
    await until(() => expect(one.messages.map(({ body }) => body)).toEqual(['both']));
    one.unsubscribe();
    await send(`/topic/${topic}.sport.de`, 'gone');
    await all.waitFor(3);
    expect(one.messages).toHaveLength(1);
  });

  test('answers requests through a temporary queue', async () => {
    const server = await connectStompjs(peer, transport);
    const queue = `/queue/${uniqueName('rpc')}`;
    const requests = await server.subscribe(queue);
    const client = await connectStompjs(peer, transport);
    const answers: string[] = [];
    client.client.onUnhandledMessage = ({ body }) => void answers.push(body);
    const headers = { 'reply-to': '/temp-queue/answers', 'correlation-id': '1' };
    await client.send(queue, 'question', headers);
    const [request] = await requests.waitFor(1);
    await server.send(request!.headers['reply-to']!, 'answer');
    await until(() => expect(answers).toEqual(['answer']));
  });

  test('takes large messages', async () => {
    const { send, subscribe } = await connectStompjs(peer, transport);
    // The queue is declared by a message of which the last octet has come.
    const queue = `/queue/${uniqueName('large')}`;
    const body = Buffer.alloc(3 * 1024 * 1024, 'x').fill(0, 5, 9);
    await send(queue, body);
    const inbox = await subscribe(queue);
    const [message] = await inbox.waitFor(1);
    expect(Buffer.from(message!.binaryBody).equals(body)).toBe(true);
  });

  test('exchanges heart-beats and stays connected', async () => {
    const { client, send } = await connectStompjs(peer, transport, {
      heartbeatIncoming: 1000,
      heartbeatOutgoing: 1000,
    });
    await new Promise((resolve) => setTimeout(resolve, 3500));
    expect(client.connected).toBe(true);
    await send(`/queue/${uniqueName('alive')}`, 'x');
  });

  // RabbitMQ closes a WebSocket before its last frame has gone.
  const tells = STOMP_PEER_IS_POLYMQ || transport === 'tcp';

  test.runIf(tells)('is told what is wrong', async () => {
    const { client, errors, closed } = await connectStompjs(peer, transport);
    client.subscribe('/exchange/none.such', () => undefined);
    await closed;
    expect(errors[0]!.headers['message']).toBe('not_found');
    expect(errors[0]!.body).toBe("NOT_FOUND - no exchange 'none.such' in vhost '/'");
  });

  test('is refused with a wrong password', async () => {
    const connectHeaders = { login: 'guest', passcode: 'wrong', host: '/' };
    const refused = connectStompjs(peer, transport, { connectHeaders });
    // RabbitMQ waits for the client to go.
    if (STOMP_PEER_IS_POLYMQ) {
      await expect(refused).rejects.toThrow("Access refused for user 'guest'");
    } else refused.catch(() => undefined);
  });
});

describe('stompjs and amqplib', () => {
  test('see the same queues, messages and headers', async () => {
    const connection = await amqpConnect(peer.amqpUrl);
    const channel = await connection.createChannel();
    const name = uniqueName('crossing');
    const { send, subscribe } = await connectStompjs(peer);
    await send(`/queue/${name}`, 'from stomp', {
      persistent: 'true',
      priority: '3',
      'content-type': 'text/plain',
      'correlation-id': 'c',
      'amqp-message-id': 'm',
      'reply-to': '/queue/answers',
      timestamp: '1700000000',
      type: 't',
      'app-id': 'app',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      awkward: AWKWARD,
    });
    // The same declaration: durable, no arguments.
    await channel.assertQueue(name, { durable: true });
    const got = await channel.get(name, { noAck: true });
    if (!got) throw new Error('there is no message');
    expect(got.content.toString()).toBe('from stomp');
    expect(got.properties).toMatchObject({
      contentType: 'text/plain',
      correlationId: 'c',
      messageId: 'm',
      replyTo: '/queue/answers',
      deliveryMode: 2,
      priority: 3,
      timestamp: 1_700_000_000,
      type: 't',
      appId: 'app',
      headers: {
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        awkward: AWKWARD,
      },
    });
    const inbox = await subscribe(`/queue/${name}`);
    channel.sendToQueue(name, Buffer.from('from amqp'), {
      contentType: 'application/json',
      correlationId: 'd',
      replyTo: 'answers',
      persistent: true,
      messageId: 'n',
      headers: { text: AWKWARD, number: 100_000, traceparent: '00-1-2-01' },
    });
    const [message] = await inbox.waitFor(1);
    expect(message!.body).toBe('from amqp');
    expect(message!.headers).toMatchObject({
      'content-type': 'application/json',
      'correlation-id': 'd',
      'reply-to': '/reply-queue/answers',
      'amqp-message-id': 'n',
      persistent: 'true',
      text: AWKWARD,
      number: '100000',
      traceparent: '00-1-2-01',
      destination: `/queue/${name}`,
    });
    await connection.close();
  });

  test('declare the same arguments, and refuse others', async () => {
    const connection = await amqpConnect(peer.amqpUrl);
    const channel = await connection.createChannel();
    const name = uniqueName('arguments');
    const { subscribe } = await connectStompjs(peer);
    const headers = { 'x-message-ttl': '60000', 'x-max-length': '10', 'x-max-priority': '5' };
    await subscribe(`/queue/${name}`, headers);
    const args = { 'x-message-ttl': 60_000, 'x-max-length': 10, 'x-max-priority': 5 };
    await channel.assertQueue(name, { durable: true, arguments: args });
    const other = await connectStompjs(peer);
    other.client.subscribe(`/queue/${name}`, () => undefined, { 'x-max-length': '11' });
    await other.closed;
    expect(other.errors[0]!.headers['message']).toBe('precondition_failed');
    expect(other.errors[0]!.body).toContain("inequivalent arg 'x-m");
    await connection.close();
  });

  test('meet on amq.topic', async () => {
    const connection = await amqpConnect(peer.amqpUrl);
    const channel = await connection.createChannel();
    const { queue } = await channel.assertQueue('', { exclusive: true });
    const key = uniqueName('orders').replaceAll('.', '-');
    await channel.bindQueue(queue, 'amq.topic', `${key}.*`);
    const { send, subscribe } = await connectStompjs(peer);
    const inbox = await subscribe(`/topic/${key}.created`);
    await send(`/topic/${key}.created`, 'stomp');
    channel.publish('amq.topic', `${key}.created`, Buffer.from('amqp'));
    const messages = await inbox.waitFor(2);
    expect(messages.map(({ body }) => body)).toEqual(['stomp', 'amqp']);
    expect(messages[1]!.headers['destination']).toBe(`/topic/${key}.created`);
    const got: string[] = [];
    await channel.consume(queue, (message) => void got.push(String(message!.content)));
    await until(() => expect(got).toEqual(['stomp', 'amqp']));
    await connection.close();
  });
});
