/** Requests and replies, as drivers carry them; the pattern `service` stands on it. */
import { describe, expect, it } from 'vitest';
import type { RequestDriver } from '../../src/driver/driver.ts';
import type { OutgoingMessage, WireMessage } from '../../src/message/wire-message.ts';
import { codeOf, eventually, type Stage, take, uniqueName } from './stage.ts';

export function describeRequests(stage: Stage): void {
  if (!stage.has('request-reply')) return;
  const driver = (): RequestDriver => stage.client.driver.requests!;

  const message = (text: string, more: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
    id: uniqueName('id'),
    body: Buffer.from(text),
    contentType: 'text/plain',
    headers: {},
    timestampMs: stage.client.clock.nowMs(),
    ...more,
  });
  const text = (wire: WireMessage): string => Buffer.from(wire.body).toString();

  /** One inbox per client: opened once, shared by the tests. */
  const replies: WireMessage[] = [];
  let inbox: Promise<{ readonly address: string }> | undefined;
  const openInbox = (): Promise<{ readonly address: string }> =>
    (inbox ??= driver().openReplies((reply) => void replies.push(reply)));
  const replyTo = (correlationId: string): Promise<WireMessage> =>
    eventually(`the reply to ${correlationId} came`, () =>
      replies.find((reply) => reply.correlationId === correlationId),
    );

  describe('requests', () => {
    it('reach a responder, and replies their sender', async () => {
      const name = uniqueName('service');
      const { address } = await openInbox();
      const server = await driver().serve(name, 10, (request, done) => {
        const answer = message(`${text(request)}!`, { correlationId: request.correlationId });
        void driver().reply(request.replyTo!, answer).then(done);
      });
      const correlationId = uniqueName('c');
      const request = message('ping', { correlationId, replyTo: address, type: 'op' });
      expect(await driver().request(name, request)).toBe('sent');
      expect(text(await replyTo(correlationId))).toBe('ping!');
      await server.close();
    });

    it('carry type, headers and bytes both ways', async () => {
      const name = uniqueName('service');
      const { address } = await openInbox();
      const seen: WireMessage[] = [];
      const server = await driver().serve(name, 10, (request, done) => {
        seen.push(request);
        const more = { correlationId: request.correlationId, headers: { status: 'ø' }, type: 'R' };
        const answer = message('', { ...more, body: Uint8Array.of(0, 255, 128) });
        void driver().reply(request.replyTo!, answer).then(done);
      });
      const correlationId = uniqueName('c');
      const headers = { 'polymq-op': 'price', own: 'ä' };
      await driver().request(
        name,
        message('x', { correlationId, replyTo: address, headers, type: 'Q' }),
      );
      const reply = await replyTo(correlationId);
      expect(seen[0]).toMatchObject({ headers, type: 'Q', correlationId });
      expect(reply).toMatchObject({ headers: { status: 'ø' }, type: 'R' });
      expect([...reply.body]).toEqual([0, 255, 128]);
      await server.close();
    });

    it('fail at once when nobody serves them, also after the last one has left', async () => {
      const name = uniqueName('service');
      const { address } = await openInbox();
      const request = (): Promise<string> =>
        driver().request(name, message('x', { correlationId: 'c', replyTo: address }));
      const expected = stage.contract.tellsNoResponder === false ? 'sent' : 'no-responder';
      expect(await request()).toBe(expected);
      const server = await driver().serve(name, 1, (_, done) => done());
      expect(await request()).toBe('sent');
      await server.close();
      expect(await eventually('it is gone', async () => (await request()) === expected)).toBe(true);
    });

    it('are shared by responders, each with its bound', async () => {
      const name = uniqueName('service');
      const { address } = await openInbox();
      const open: Record<string, (() => void)[]> = { a: [], b: [] };
      const most: Record<string, number> = { a: 0, b: 0 };
      const serve = (who: string) =>
        driver().serve(name, 2, (_, done) => {
          open[who]!.push(done);
          most[who] = Math.max(most[who]!, open[who]!.length);
        });
      const servers = [await serve('a'), await serve('b')];
      for (let n = 0; n < 8; n += 1) {
        await driver().request(name, message(`${n}`, { correlationId: `${n}`, replyTo: address }));
      }
      await eventually('both have two', () => open['a']!.length === 2 && open['b']!.length === 2);
      let handled = 0;
      await eventually('all were handled', () => {
        for (const who of ['a', 'b']) {
          for (const done of open[who]!.splice(0)) {
            handled += 1;
            done();
          }
        }
        return handled === 8;
      });
      expect(most).toEqual({ a: 2, b: 2 });
      await Promise.all(servers.map((server) => server.close()));
    });

    it('drop replies to somebody who has gone', async () => {
      const client = await stage.connect();
      const { address } = await client.driver.requests!.openReplies(() => {});
      await client.close();
      await driver().reply(address, message('too late', { correlationId: 'gone' }));
      expect(await openInbox()).toBeTruthy();
      expect(replies.filter(({ correlationId }) => correlationId === 'gone')).toEqual([]);
    });

    it('keep the replies of clients apart', async () => {
      const name = uniqueName('service');
      const server = await driver().serve(name, 10, (request, done) => {
        const answer = message(text(request), { correlationId: request.correlationId });
        void driver().reply(request.replyTo!, answer).then(done);
      });
      const clients = [await stage.connect(), await stage.connect()];
      const got: string[][] = [];
      for (const [index, client] of clients.entries()) {
        const mine: string[] = [];
        got.push(mine);
        const requests = client.driver.requests!;
        const { address } = await requests.openReplies((reply) => void mine.push(text(reply)));
        for (let n = 0; n < 3; n += 1) {
          const request = { correlationId: `${index}-${n}`, replyTo: address };
          await requests.request(name, message(`${index}-${n}`, request));
        }
      }
      await eventually('all replies came', () => got.every((mine) => mine.length === 3));
      expect(got.map((mine) => mine.toSorted())).toEqual([
        ['0-0', '0-1', '0-2'],
        ['1-0', '1-1', '1-2'],
      ]);
      await server.close();
    });

    if (!stage.has('queue')) return;
    it('can be messages of a queue that are replied to', async () => {
      const queue = stage.queue();
      const { address } = await openInbox();
      const correlationId = uniqueName('c');
      await queue.send('question', { correlationId, replyTo: address });
      await queue.send('no question');
      const question = await take(queue);
      await question.reply({ answer: 42 });
      await question.ack();
      expect(JSON.parse(text(await replyTo(correlationId)))).toEqual({ answer: 42 });
      const other = await take(queue);
      expect(await codeOf(() => other.reply('to whom?'))).toBe('invalid-argument');
      await other.ack();
    });
  });
}
