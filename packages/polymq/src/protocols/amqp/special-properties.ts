/**
 * Properties on which the broker acts when a message is published: copies to further routing keys, and the address of
 * a client that waits for replies. They are rare; the usual message never comes here.
 */
import type { MessageDraft } from '../../core/message/message-draft.ts';
import type { Channel } from './channel.ts';
import {
  editHeaders,
  editProperties,
  type FieldValue,
  findInTable,
  type PropertiesScan,
  readFieldAt,
} from './codec/index.ts';
import { bodyFrameHeader } from './content.ts';
import { AmqpError } from './errors.ts';
import { plainType, plainValue } from './plain-values.ts';
import { REPLY_TO_QUEUE } from './replies.ts';

/** Routing keys beyond the message's own. May replace the content in the draft. */
export function rewriteSpecial(
  channel: Channel,
  header: Buffer,
  draft: MessageDraft,
  scan: PropertiesScan,
): string[] {
  let changed: Buffer | undefined;
  const keys: string[] = [];
  if (scan.replyToStart >= 0) {
    const replyTo = header.toString('utf8', scan.replyToStart, scan.replyToEnd);
    if (replyTo === REPLY_TO_QUEUE) {
      if (channel.replyTo === undefined) {
        throw new AmqpError('preconditionFailed', 'fast reply consumer does not exist');
      }
      changed = editProperties(storedHeader(draft), 0, headerBytes(draft), {
        replyTo: channel.replyTo.address,
      });
    }
  }
  if (scan.hasCopies) {
    keys.push(...copiesOf(header, scan, 'CC'));
    const blind = copiesOf(header, scan, 'BCC');
    if (blind.length > 0) {
      keys.push(...blind);
      const from = changed ?? storedHeader(draft);
      changed = editHeaders(from, 0, from.length, { BCC: undefined });
    }
  }
  if (changed !== undefined) replaceHeader(draft, changed);
  return keys;
}

function copiesOf(header: Buffer, scan: PropertiesScan, name: 'CC' | 'BCC'): string[] {
  const at = findInTable(header, scan.headersStart, scan.headersEnd, name);
  if (at < 0) return [];
  const value: FieldValue = readFieldAt(header, at, scan.headersEnd);
  if (Array.isArray(value) && value.every((key) => typeof key === 'string')) return value;
  const type = plainType(plainValue(value));
  throw new AmqpError(
    'preconditionFailed',
    `invalid message: {unacceptable_type_in_header,"${name}",${type}}`,
  );
}

const GAP_BYTES: number = bodyFrameHeader(0).length;

function headerBytes(draft: MessageDraft): number {
  return draft.propertiesBytes - GAP_BYTES;
}

function storedHeader(draft: MessageDraft): Buffer {
  return draft.content.subarray(draft.contentStart, draft.contentStart + headerBytes(draft));
}

/** Puts another content header in front of the same body. */
function replaceHeader(draft: MessageDraft, header: Buffer): void {
  const body = draft.content.subarray(draft.contentStart + draft.propertiesBytes, draft.contentEnd);
  const more = body.length > 0 ? [body, ...draft.more] : draft.more;
  const bodyBytes = draft.bodyBytes;
  draft.content = Buffer.concat([header, bodyFrameHeader(bodyBytes)]);
  draft.contentStart = 0;
  draft.contentEnd = draft.content.length;
  draft.propertiesBytes = draft.content.length;
  draft.more = more;
}
