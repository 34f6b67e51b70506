/** What STOMP clients find after `kill -9` of the broker. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { uniqueName } from './peer.ts';
import { STOMP_PEER_IS_POLYMQ, type StompPeer, startStompPeer } from './stomp-peer.ts';
import { closeAll, connectStompjs, until } from './stompjs-client.ts';

let peer: StompPeer;

beforeAll(async () => {
  peer = await startStompPeer();
});
afterEach(closeAll);
afterAll(() => peer?.stop());

const bodies = (count: number) => Array.from({ length: count }, (_, index) => `m-${index}`);

// RabbitMQ is the oracle for what clients see, not for how fast it comes back from a crash.
describe.skipIf(!STOMP_PEER_IS_POLYMQ)('after kill -9 and restart', () => {
  test('persistent messages with a receipt are there, in order', async () => {
    const queue = `/queue/${uniqueName('durable')}`;
    const { send } = await connectStompjs(peer);
    await Promise.all(bodies(200).map((body) => send(queue, body, { persistent: 'true' })));
    await peer.crashAndRestart();
    const after = await connectStompjs(peer);
    const inbox = await after.subscribe(queue);
    const messages = await inbox.waitFor(200);
    expect(messages.map(({ body }) => body)).toEqual(bodies(200));
  });

  test('of messages sent while it is killed, none is lost that had its receipt', async () => {
    const queue = `/queue/${uniqueName('cut')}`;
    const { send } = await connectStompjs(peer);
    const receipted: string[] = [];
    for (const body of bodies(20_000)) {
      void send(queue, body, { persistent: 'true' }).then(() => receipted.push(body));
    }
    await until(() => expect(receipted.length).toBeGreaterThan(100));
    await peer.crashAndRestart();
    const after = await connectStompjs(peer);
    const inbox = await after.subscribe(queue);
    await after.send(queue, 'end');
    await until(() => expect(inbox.messages.at(-1)!.body).toBe('end'));
    const got = new Set(inbox.messages.map(({ body }) => body));
    expect(receipted.filter((body) => !got.has(body))).toEqual([]);
  });

  test('a committed transaction is there as a whole, and an open one is not', async () => {
    const queue = `/queue/${uniqueName('tx')}`;
    const { client } = await connectStompjs(peer);
    const persistent = { persistent: 'true' };
    const open = client.begin();
    const committed = client.begin();
    for (const body of bodies(10)) {
      for (const { id } of [open, committed]) {
        const headers = { ...persistent, transaction: id };
        client.publish({ destination: queue, body: `${id} ${body}`, headers });
      }
    }
    const done = new Promise<void>((resolve) => client.watchForReceipt('done', () => resolve()));
    const last = { ...persistent, transaction: committed.id, receipt: 'done' };
    client.publish({ destination: queue, body: 'last', headers: last });
    committed.commit();
    await done;
    await peer.crashAndRestart();
    const after = await connectStompjs(peer);
    const messages = await (await after.subscribe(queue)).waitFor(11);
    const expected = bodies(10).map((body) => `${committed.id} ${body}`);
    expect(messages.map(({ body }) => body)).toEqual([...expected, 'last']);
  });

  test('what was acknowledged with a receipt stays away, and what was held comes back', async () => {
    const queue = `/queue/${uniqueName('acked')}`;
    const { client, send, subscribe } = await connectStompjs(peer);
    await Promise.all(bodies(10).map((body) => send(queue, body, { persistent: 'true' })));
    const messages = await (await subscribe(queue, { ack: 'client' })).waitFor(10);
    const acked = new Promise<void>((resolve) => client.watchForReceipt('acked', () => resolve()));
    messages[3]!.ack({ receipt: 'acked' });
    await acked;
    await peer.crashAndRestart();
    const after = await connectStompjs(peer);
    const inbox = await after.subscribe(queue);
    const rest = await inbox.waitFor(6);
    expect(rest.map(({ body }) => body)).toEqual(bodies(10).slice(4));
  });

  test('a durable subscription has kept what it has got', async () => {
    const topic = `/topic/${uniqueName('news').replaceAll('.', '-')}`;
    const headers = { id: 'mine', durable: 'true', 'auto-delete': 'false' };
    const first = await connectStompjs(peer);
    await first.subscribe(topic, headers);
    await first.client.deactivate();
    const publisher = await connectStompjs(peer);
    await publisher.send(topic, 'meanwhile', { persistent: 'true' });
    await peer.crashAndRestart();
    const after = await connectStompjs(peer);
    const [message] = await (await after.subscribe(topic, headers)).waitFor(1);
    expect(message!.body).toBe('meanwhile');
  });

  test('a client that reconnects goes on', async () => {
    const queue = `/queue/${uniqueName('again')}`;
    const { client } = await connectStompjs(peer, 'ws', { reconnectDelay: 200 });
    const got: string[] = [];
    let connects = 0;
    client.onConnect = () => {
      connects += 1;
      client.subscribe(queue, ({ body }) => void got.push(body));
    };
    client.onWebSocketClose = () => undefined;
    await peer.crashAndRestart();
    await until(() => expect(connects).toBe(1));
    client.publish({ destination: queue, body: 'back' });
    await until(() => expect(got).toEqual(['back']));
  });
});
