import { readHistory } from '../message/history.ts';
import type { MessageView } from '../message/message-bytes.ts';
import type { MessageDraft } from '../message/message-draft.ts';

/**
 * Makes a stored message a draft again, to be published once more as it is, under the names that it had. The draft
 * is valid as long as the view. What lies beside the message and not in it (priority, time to live) is as if there
 * were none.
 */
export function fillDraft(draft: MessageDraft, view: MessageView): void {
  draft.format = view.format;
  draft.persistent = view.persistent;
  draft.priority = 0;
  draft.publishedMs = view.publishedMs;
  draft.ttlMs = -1;
  draft.dueMs = 0;
  draft.groupId = undefined;
  draft.history = view.hasHistory ? readHistory(view.historyJson) : undefined;
  draft.names = view.buffer;
  draft.namesStart = view.exchangeAt;
  draft.namesEnd = view.namesEnd;
  draft.content = view.buffer;
  draft.contentStart = view.propertiesStart;
  draft.contentEnd = view.end;
  draft.propertiesBytes = view.bodyStart - view.propertiesStart;
  draft.more = [];
}
