import type { MessageView } from '../message/message-bytes.ts';
import type { MessageStore } from './message-store.ts';
import type { QueueMessages } from './queue-messages.ts';

/** Shows up to `countMax` ready messages from the head. Those that go away meanwhile are left out. */
export async function peekMessages(
  messages: QueueMessages,
  store: MessageStore,
  countMax: number,
  visit: (view: MessageView, row: number) => void,
): Promise<void> {
  const wanted = messages.first(countMax).map((row) => ({ row, seq: messages.seq(row) }));
  for (const { row, seq } of wanted) {
    if (!messages.isReady(row, seq)) continue;
    if (!store.locate(row)) {
      await store.load(row);
      if (!messages.isReady(row, seq) || !store.locate(row)) continue;
    }
    visit(store.view, row);
  }
}
