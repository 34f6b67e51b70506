/**
 * Messages on their way out of one channel: deliveries, answers to `basic.get`, returns, confirms.
 *
 * A message that came over AMQP and has nothing to add is one copy from the store to the output. Large ones are sent
 * from the store's memory. One that came from elsewhere, was dead-lettered or counts its deliveries gets a
 * content header of its own (`delivered-header.ts`).
 */

import type { MessageView } from '../../core/message/message-bytes.ts';
import type { MessageDraft } from '../../core/message/message-draft.ts';
import type { Queue } from '../../core/queue/queue.ts';
import type { Channel } from './channel.ts';
import {
  ACK_BYTES,
  contentBytes,
  deliverBytes,
  FRAME_BODY,
  FRAME_END,
  FRAME_HEADER,
  FRAME_HEADER_BYTES,
  FRAME_OVERHEAD_BYTES,
  getOkBytes,
  NACK_BYTES,
  returnBytes,
  returnReason,
  writeAck,
  writeContent,
  writeDeliver,
  writeFrameHeader,
  writeGetOk,
  writeNack,
  writeReturn,
} from './codec/index.ts';
import { deliveredHeader } from './delivered-header.ts';

/** Bodies from this size on are not copied. */
const SLICE_BYTES_MIN = 32 * 1024;
const NO_ROUTE: Buffer = returnReason(312, 'NO_ROUTE');

export class Delivery {
  readonly #channel: Channel;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** `basic.deliver` of the message in `view`. */
  deliver(
    prefix: Buffer,
    tag: number,
    redelivered: boolean,
    queue: Queue,
    row: number,
    view: MessageView,
  ): void {
    const { output } = this.#channel.session;
    const namesStart = view.exchangeAt;
    const { namesEnd, buffer } = view;
    const bytes = deliverBytes(prefix, namesEnd - namesStart);
    const header = deliveredHeader(this.#channel, view, queue, row);
    if (header === undefined && view.bodyBytes < SLICE_BYTES_MIN) {
      const total = bytes + this.#contentBytes(view);
      const target = output.reserve(total);
      const at = output.position;
      output.position = this.#writeStored(
        target,
        writeDeliver(target, at, prefix, tag, redelivered, buffer, namesStart, namesEnd),
        view,
      );
      this.#channel.session.server.delivered.value += 1;
      return;
    }
    const target = output.reserve(bytes);
    const at = output.position;
    output.position = writeDeliver(
      target,
      at,
      prefix,
      tag,
      redelivered,
      buffer,
      namesStart,
      namesEnd,
    );
    this.#content(view, header);
    this.#channel.session.server.delivered.value += 1;
  }

  /** `basic.get-ok` of the message in `view`. */
  got(tag: number, redelivered: boolean, queue: Queue, row: number, view: MessageView): void {
    const { number, session } = this.#channel;
    const { output } = session;
    const { exchangeAt, namesEnd, buffer } = view;
    const target = output.reserve(getOkBytes(namesEnd - exchangeAt));
    output.position = writeGetOk(
      target,
      output.position,
      number,
      tag,
      redelivered,
      buffer,
      exchangeAt,
      namesEnd,
      queue.readyCount,
    );
    this.#content(view, deliveredHeader(this.#channel, view, queue, row));
    session.server.delivered.value += 1;
  }

  /** `basic.return`: nobody wanted what has just been published. */
  returned(draft: MessageDraft): void {
    const { number, session } = this.#channel;
    const { output } = session;
    const { names, namesStart, namesEnd } = draft;
    const target = output.reserve(returnBytes(NO_ROUTE, namesEnd - namesStart));
    output.position = writeReturn(
      target,
      output.position,
      number,
      NO_ROUTE,
      names,
      namesStart,
      namesEnd,
    );
    this.draftContent(draft);
  }

  /** `basic.deliver` of a draft that no queue has: a reply. */
  deliverDraft(prefix: Buffer, tag: number, draft: MessageDraft): void {
    const { output } = this.#channel.session;
    const { names, namesStart, namesEnd } = draft;
    const target = output.reserve(deliverBytes(prefix, namesEnd - namesStart));
    const at = output.position;
    output.position = writeDeliver(target, at, prefix, tag, false, names, namesStart, namesEnd);
    this.draftContent(draft);
  }

  /** Content header and body of a draft in AMQP's own format. */
  draftContent(draft: MessageDraft): void {
    const { content, contentStart, contentEnd, propertiesBytes, more } = draft;
    const stored =
      more.length === 0
        ? content.subarray(contentStart, contentEnd)
        : Buffer.concat([content.subarray(contentStart, contentEnd), ...more]);
    this.#writeParts(
      stored.subarray(0, propertiesBytes - FRAME_OVERHEAD_BYTES),
      stored.subarray(propertiesBytes),
    );
  }

  /** Content that is not in the store: of a record of a stream. */
  looseContent(header: Buffer, body: Buffer): void {
    this.#writeParts(header, body);
  }

  ack(tag: number, multiple: boolean): void {
    const { output } = this.#channel.session;
    const target = output.reserve(ACK_BYTES);
    output.position = writeAck(target, output.position, this.#channel.number, tag, multiple);
  }

  nack(tag: number, multiple: boolean): void {
    const { output } = this.#channel.session;
    const target = output.reserve(NACK_BYTES);
    output.position = writeNack(target, output.position, this.#channel.number, tag, multiple);
  }

  #contentBytes(view: MessageView): number {
    const stored = view.end - view.propertiesStart;
    return contentBytes(stored, view.bodyBytes, this.#channel.session.frameMax);
  }

  #writeStored(target: Buffer, at: number, view: MessageView): number {
    const { number, session } = this.#channel;
    const { buffer, propertiesStart, end, bodyBytes } = view;
    return writeContent(
      target,
      at,
      number,
      buffer,
      propertiesStart,
      end,
      bodyBytes,
      session.frameMax,
    );
  }

  #content(view: MessageView, header: Buffer | undefined): void {
    const { output, server } = this.#channel.session;
    const stored =
      header ?? view.buffer.subarray(view.propertiesStart, view.bodyStart - FRAME_OVERHEAD_BYTES);
    if (view.bodyBytes < SLICE_BYTES_MIN) {
      this.#writeParts(stored, view.body);
      return;
    }
    const { store } = server.broker.queues;
    const hold = store.hold();
    this.#writeHeader(stored);
    let held = this.#frames(view.bodyBytes);
    const letGo = (): void => {
      held -= 1;
      if (held === 0) store.release(hold);
    };
    this.#writeBody(view.body, (piece) => output.slice(piece, letGo));
  }

  #frames(bodyBytes: number): number {
    return Math.ceil(bodyBytes / (this.#channel.session.frameMax - FRAME_OVERHEAD_BYTES));
  }

  #writeParts(header: Buffer, body: Buffer): void {
    const { output } = this.#channel.session;
    this.#writeHeader(header);
    this.#writeBody(body, (piece) => {
      const target = output.reserve(piece.length);
      piece.copy(target, output.position);
      output.position += piece.length;
    });
  }

  #writeHeader(header: Buffer): void {
    const { number, session } = this.#channel;
    const { output } = session;
    const target = output.reserve(header.length + FRAME_OVERHEAD_BYTES);
    const at = writeFrameHeader(target, output.position, FRAME_HEADER, number, header.length);
    header.copy(target, at);
    target[at + header.length] = FRAME_END;
    output.position = at + header.length + 1;
  }

  /** As many body frames as it takes. */
  #writeBody(body: Buffer, write: (piece: Buffer) => void): void {
    const { number, session } = this.#channel;
    const { output } = session;
    const payloadMax = session.frameMax - FRAME_OVERHEAD_BYTES;
    for (let from = 0; from < body.length; from += payloadMax) {
      const piece = body.subarray(from, from + payloadMax);
      const target = output.reserve(FRAME_HEADER_BYTES);
      output.position = writeFrameHeader(target, output.position, FRAME_BODY, number, piece.length);
      write(piece);
      const end = output.reserve(1);
      end[output.position] = FRAME_END;
      output.position += 1;
    }
  }
}
