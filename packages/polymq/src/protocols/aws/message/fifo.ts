/** What FIFO queues and topics share: ids within five minutes, and numbers that grow. */
import { hash } from 'node:crypto';
import { derivedId } from './message-id.ts';

const SEQUENCE_DIGITS = 20;

/** As clients see it: 20 digits that sort as texts. */
export function sequenceText(number: number): string {
  return String(number).padStart(SEQUENCE_DIGITS, '0');
}

/** The id of the message that was remembered under the number in the scope. */
export function fifoMessageId(scope: string, number: number): string {
  return derivedId(scope, number);
}

/** The deduplication id of a body that has none of its own. */
export function contentId(body: string): string {
  return hash('sha256', body, 'hex');
}

/** Where deduplication ids of a queue hold; `groupId` if they hold within each group. */
export function queueScope(queueId: number, groupId?: string): string {
  return groupId === undefined ? `queue/${queueId}` : `queue/${queueId}/${groupId}`;
}
