/** A message of the outbox as a row of its table, and back. */
import { PolymqError } from '../../errors.ts';
import type { OutgoingMessage } from '../../message/wire-message.ts';
import type { SqlRow, SqlValue } from '../../sql/database.ts';

/** Where a message of the outbox goes. */
export interface OutboxTarget {
  readonly kind: 'queue' | 'topic';
  readonly name: string;
}

export interface OutboxRow extends OutboxTarget {
  readonly rowId: number;
  /** How often it was refused. */
  readonly attempts: number;
  readonly message: OutgoingMessage;
}

/** Rows are spread over so many lanes; a relay works on some of them at a time. Fixed: it stands in the tables. */
export const LANES = 16;

/** In the order of the table's columns that an insert gives. */
export const INSERTED_COLUMNS =
  'lane, kind, target, message_key, message_id, content_type, body, properties, added_ms';

/** `spread`: any number, for the lane of a message without a key. */
export function rowValues(
  { kind, name }: OutboxTarget,
  message: OutgoingMessage,
  spread: number,
  nowMs: number,
): SqlValue[] {
  const { id, body, contentType, key, ...properties } = message;
  const lane = key === undefined ? spread % LANES : laneOf(`${kind} ${name} ${key}`);
  const rest = JSON.stringify(properties);
  return [lane, kind, name, key ?? null, id, contentType, body, rest, nowMs];
}

export function rowOf(row: SqlRow): OutboxRow {
  const key = row['message_key'];
  const properties = parsed(String(row['properties']), row['id']);
  return {
    rowId: Number(row['id']),
    kind: row['kind'] as OutboxTarget['kind'],
    name: String(row['target']),
    attempts: Number(row['attempts']),
    message: {
      ...(properties as Omit<OutgoingMessage, 'id' | 'body' | 'contentType' | 'key'>),
      id: String(row['message_id']),
      contentType: String(row['content_type']),
      body: (row['body'] as Uint8Array | null) ?? new Uint8Array(),
      key: typeof key === 'string' ? key : undefined,
    },
  };
}

function parsed(text: string, id: unknown): object {
  try {
    return JSON.parse(text) as object;
  } catch (cause) {
    const problem = `row ${id} of the outbox was changed from outside: its properties are no JSON`;
    throw new PolymqError('invalid-message', problem, { cause });
  }
}

/** FNV-1a: the same in every process and version, since order per key depends on it. */
function laneOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 0) % LANES;
}
