/**
 * Requests built beforehand, in which only digits change: the number of a message in front of its body, which is its
 * deduplication id too, and the group that it belongs to.
 *
 *   head … content-length: N, blank line, {"QueueUrl":"…","MessageBody":"0000000042abcdefgh…"}
 *                                                                  ▲ ten digits, written before each sending
 *
 * Receipt handles come in answers and go into requests as bytes, whatever they are made of.
 */
import {
  formBody,
  requestBytes,
  requestHead,
} from '../../packages/polymq/test/support/aws-client.ts';

export const NUMBER_DIGITS = 10;
const GROUP_DIGITS = 6;
const NUMBER_MARK = '#'.repeat(NUMBER_DIGITS);
const GROUP_MARK = '@'.repeat(GROUP_DIGITS);
const ZERO = 48;

/** Letters behind the number. */
export function bodyText(bytes: number): string {
  const letters = Array.from({ length: bytes - NUMBER_DIGITS }, (_, i) =>
    String.fromCharCode(97 + (i % 26)),
  );
  return NUMBER_MARK + letters.join('');
}

/** One request for one or more messages, with the places of their digits. */
export class NumberedRequest {
  readonly bytes: Buffer;
  readonly messages: number;
  readonly #numbersAt: readonly (readonly number[])[];
  readonly #groupsAt: readonly number[];

  constructor(bytes: Buffer, messages: number) {
    this.bytes = bytes;
    this.messages = messages;
    const places = placesOf(bytes, NUMBER_MARK);
    const perMessage = places.length / messages;
    this.#numbersAt = Array.from({ length: messages }, (_, i) =>
      places.slice(i * perMessage, (i + 1) * perMessage),
    );
    this.#groupsAt = placesOf(bytes, GROUP_MARK);
  }

  write(index: number, number: number, group: number): void {
    for (const at of this.#numbersAt[index]!) writeDigits(this.bytes, at, number, NUMBER_DIGITS);
    const groupAt = this.#groupsAt[index];
    if (groupAt !== undefined) writeDigits(this.bytes, groupAt, group, GROUP_DIGITS);
  }
}

export interface SendWhat {
  host: string;
  queueUrl: string;
  bodyBytes: number;
  fifo: boolean;
}

export function sendRequest({ host, queueUrl, bodyBytes, fifo }: SendWhat): NumberedRequest {
  const parts = { service: 'sqs', host, action: 'SendMessage' } as const;
  const input = { QueueUrl: queueUrl, ...entryOf(bodyBytes, fifo) };
  return new NumberedRequest(requestBytes(parts, JSON.stringify(input)), 1);
}

export function sendBatchRequest(what: SendWhat, messages: number): NumberedRequest {
  const { host, queueUrl, bodyBytes, fifo } = what;
  const parts = { service: 'sqs', host, action: 'SendMessageBatch' } as const;
  const Entries = Array.from({ length: messages }, (_, i) => ({
    Id: String(i),
    ...entryOf(bodyBytes, fifo),
  }));
  const input = { QueueUrl: queueUrl, Entries };
  return new NumberedRequest(requestBytes(parts, JSON.stringify(input)), messages);
}

export function publishRequest(host: string, topicArn: string, bodyBytes: number): NumberedRequest {
  const body = formBody('Publish', { TopicArn: topicArn }).concat(
    `&Message=${bodyText(bodyBytes)}`,
  );
  return new NumberedRequest(requestBytes({ service: 'sns', host }, body), 1);
}

export function receiveRequest(
  what: { host: string; queueUrl: string },
  messagesMax: number,
  waitSeconds: number,
): Buffer {
  const parts = { service: 'sqs', host: what.host, action: 'ReceiveMessage' } as const;
  return requestBytes(
    parts,
    JSON.stringify({
      QueueUrl: what.queueUrl,
      MaxNumberOfMessages: messagesMax,
      VisibilityTimeout: VISIBILITY_SECONDS,
      WaitTimeSeconds: waitSeconds,
    }),
  );
}

/** So long that no message comes twice in a run. */
const VISIBILITY_SECONDS = 600;

/** Writes requests that delete one message, or many, into memory of its own. */
export class DeleteRequests {
  readonly #single: Buffer;
  readonly #many: Buffer;
  readonly #before: Buffer;
  readonly #out = Buffer.allocUnsafe(OUT_BYTES);

  constructor(what: { host: string; queueUrl: string }) {
    const head = (action: string) =>
      Buffer.from(requestHead({ service: 'sqs', host: what.host, action }));
    this.#single = head('DeleteMessage');
    this.#many = head('DeleteMessageBatch');
    this.#before = Buffer.from(`{"QueueUrl":${JSON.stringify(what.queueUrl)},`);
  }

  /** Valid until the next call. The handles are as they were in the JSON of an answer. */
  write(handles: readonly Buffer[]): Buffer {
    const out = this.#out;
    const pieces = handles.length === 1 ? single(handles[0]!) : many(handles);
    const length = pieces.reduce((sum, each) => sum + each.length, this.#before.length);
    const head = handles.length === 1 ? this.#single : this.#many;
    let at = head.copy(out);
    at += out.write(`${length}\r\n\r\n`, at, 'latin1');
    at += this.#before.copy(out, at);
    for (const piece of pieces) at += piece.copy(out, at);
    return out.subarray(0, at);
  }
}

const OUT_BYTES = 64 * 1024;
const HANDLE_KEY = Buffer.from('"ReceiptHandle":"');
const SINGLE_END = Buffer.from('"}');
const ENTRIES_KEY = Buffer.from('"Entries":[');
const ENTRY_END = Buffer.from('"}');
const MANY_END = Buffer.from(']}');
const ENTRY_KEYS = Array.from({ length: 10 }, (_, i) =>
  Buffer.from(`${i === 0 ? '' : ','}{"Id":"${i}","ReceiptHandle":"`),
);

function single(handle: Buffer): Buffer[] {
  return [HANDLE_KEY, handle, SINGLE_END];
}

function many(handles: readonly Buffer[]): Buffer[] {
  const entries = handles.flatMap((handle, i) => [ENTRY_KEYS[i]!, handle, ENTRY_END]);
  return [ENTRIES_KEY, ...entries, MANY_END];
}

function entryOf(bodyBytes: number, fifo: boolean): object {
  const MessageBody = bodyText(bodyBytes);
  if (!fifo) return { MessageBody };
  return { MessageBody, MessageGroupId: GROUP_MARK, MessageDeduplicationId: NUMBER_MARK };
}

function placesOf(bytes: Buffer, mark: string): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + mark.length)) {
    places.push(at);
  }
  return places;
}

function writeDigits(bytes: Buffer, at: number, number: number, digits: number): void {
  let left = number;
  for (let i = at + digits - 1; i >= at; i -= 1) {
    const rest = (left / 10) | 0;
    bytes[i] = ZERO + left - rest * 10;
    left = rest;
  }
}
