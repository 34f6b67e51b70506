import { describe, expect, it } from 'vitest';
import { MessageView } from '../../../core/message/message-bytes.ts';
import { MessageDraft, messageBytes, writeMessage } from '../../../core/message/message-draft.ts';
import { createNodeEnvironment } from '../../../lib/environment/node/node-environment.ts';
import { AWS_FORMAT_ID } from '../message/format.ts';
import { writeMessageProperties } from '../message/properties.ts';
import { Reception, type ReceptionOptions } from './reception.ts';
import { Wanted } from './wanted.ts';

const messageId = '01234567-89ab-4def-8123-456789abcdef';

function viewOf(body: string): MessageView {
  const draft = new MessageDraft();
  draft.format = AWS_FORMAT_ID;
  draft.setNames('', 'q');
  draft.setContent(writeMessageProperties({ messageId }), Buffer.from(body));
  const bytes = Buffer.alloc(messageBytes(draft, undefined));
  const view = new MessageView();
  view.point(bytes, 0, writeMessage(draft, undefined, bytes, 0));
  return view;
}

describe('a reception', () => {
  it('is not answered before its messages are committed', async () => {
    let commit = (): void => undefined;
    const store = {
      committed: 4,
      view: viewOf('hello'),
      positionOf: () => 5,
      whenCommitted: (position: number) =>
        new Promise<void>((resolve) => {
          expect(position).toBe(5);
          commit = resolve;
        }),
    };
    const rows = [7];
    const queue = {
      id: 1,
      name: 'q',
      take: () => rows.pop(),
      takeNextOfGroup: () => undefined,
      seq: () => 0,
      attempts: () => 1,
      firstTakenMs: () => undefined,
      groupIdOf: () => undefined,
    };
    const environment = createNodeEnvironment();
    const reception = new Reception({
      context: { broker: { queues: { store } }, environment },
      queue,
      call: {},
      boot: 1,
      wanted: new Wanted({}),
      countMax: 10,
      visibilityMs: 1000,
    } as unknown as ReceptionOptions);
    await reception.fill();
    let answered = false;
    const messages = reception.messages().then((known) => {
      answered = true;
      return known;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toBe(false);
    commit();
    expect(await messages).toMatchObject([{ MessageId: messageId, Body: 'hello' }]);
  });
});
