/**
 * Messages on their way to subscribers. For all of them together a message is written once per kind of subscription and
 * version of RESP; each connection that wants it then sends that range.
 *
 *   route ─► targets ─► plan (kept with the route)
 *                        ├ head `*3 message`      ─► connections a, b, c       one frame, three ranges
 *                        └ head `*4 pmessage n.*` ─► connection b              one subscriber: straight into its output
 *
 * The tail of a PUBLISH request is the tail of every frame, byte for byte, so for a message of Redis it is one copy.
 */
import type { Receiver, SubscriberTarget } from '../../core/exchange/subscribers.ts';
import type { MessageDraft } from '../../core/message/message-draft.ts';
import { Copier } from '../../lib/bytes/copier.ts';
import type { Counter } from '../../lib/counters.ts';
import { SharedFrames } from '../../net/shared-frames.ts';
import { tailBytes, writeTailStart } from './codec/message-frame.ts';
import type { RedisServer } from './server.ts';
import type { RedisSession } from './session.ts';
import type { MessageTag } from './subscriptions.ts';

interface Frame {
  readonly head: Buffer;
  readonly shared: SharedFrames;
  readonly sessions: RedisSession[];
}

interface Plan {
  readonly frames: readonly Frame[];
  /** Messages that subscribers get; one that is subscribed twice counts twice. */
  readonly count: number;
  readonly generation: number;
}

const CR = 13;
const LF = 10;

/** The tail of a PUBLISH request that is being published: `buffer[start, end)`. */
export class RequestTail {
  buffer: Buffer | undefined;
  start = 0;
  end = 0;
  /** Where four bytes were taken for the properties, and what they were: line ends and the last digits of a length. */
  patchAt = 0;
  first = 0;
  second = 0;
}

export class Delivery implements Receiver {
  /** Of the message that is being published, if it is a request where it lies. */
  readonly tail: RequestTail = new RequestTail();
  readonly #server: RedisServer;
  readonly #delivered: Counter;
  /** One row of memory each, so that frames of one kind lie side by side. */
  readonly #plain: readonly [SharedFrames, SharedFrames];
  readonly #patterns: SharedFrames;
  readonly #fromHead = new Copier();
  readonly #fromTail = new Copier();
  /** Plans of before somebody changed his version of RESP are stale. */
  #generation = 0;

  constructor(server: RedisServer, delivered: Counter) {
    this.#server = server;
    this.#delivered = delivered;
    this.#plain = [new SharedFrames(server.arenas), new SharedFrames(server.arenas)];
    this.#patterns = new SharedFrames(server.arenas);
  }

  close(): void {
    for (const frames of [...this.#plain, this.#patterns]) frames.close();
  }

  /** A subscriber speaks another version from now on. */
  forgetPlans(): void {
    this.#generation += 1;
  }

  receive(draft: MessageDraft, targets: readonly SubscriberTarget[]): number {
    const first = targets[0]!;
    let plan = first.note as Plan | undefined;
    if (plan === undefined || plan.generation !== this.#generation) {
      plan = this.#plan(targets);
      first.note = plan;
    }
    const frames = plan.frames;
    for (let index = 0; index < frames.length; index++) this.#send(frames[index]!, draft);
    this.#delivered.value += plan.count;
    return plan.count;
  }

  #send({ head, shared, sessions }: Frame, draft: MessageDraft): void {
    const only = sessions.length === 1 ? sessions[0]! : undefined;
    if (only !== undefined && only !== this.#server.publisher) {
      const { output } = only;
      const buffer = output.reserve(this.#bytes(head, draft));
      output.position = this.#write(buffer, output.position, head, draft);
      return;
    }
    const buffer = shared.reserve(this.#bytes(head, draft));
    const start = shared.position;
    const end = this.#write(buffer, start, head, draft);
    shared.position = end;
    const { publisher } = this.#server;
    for (let index = 0; index < sessions.length; index++) {
      const session = sessions[index]!;
      if (session === publisher) session.deferPush(Buffer.from(buffer.subarray(start, end)));
      else session.output.shared(buffer, start, end);
    }
  }

  /** The draft is the request itself, and no message that the broker publishes because of it. */
  #inPlace(draft: MessageDraft): boolean {
    return this.tail.buffer !== undefined && draft === this.#server.draft;
  }

  #bytes(head: Buffer, draft: MessageDraft): number {
    const { tail } = this;
    if (this.#inPlace(draft)) return head.length + tail.end - tail.start;
    const channelBytes = draft.namesEnd - channelStart(draft);
    return head.length + tailBytes(channelBytes, draft.bodyBytes);
  }

  /** Writes a frame at `at`, and returns where it ends. */
  #write(target: Buffer, at: number, head: Buffer, draft: MessageDraft): number {
    const tailAt = this.#fromHead.copy(head, 0, head.length, target, at);
    const { tail } = this;
    if (!this.#inPlace(draft)) return this.#writeDraft(target, tailAt, draft);
    const end = this.#fromTail.copy(tail.buffer!, tail.start, tail.end, target, tailAt);
    const patched = tailAt + tail.patchAt - tail.start;
    target[patched] = tail.first;
    target[patched + 1] = tail.second;
    target[patched + 2] = CR;
    target[patched + 3] = LF;
    return end;
  }

  #writeDraft(target: Buffer, at: number, draft: MessageDraft): number {
    const { content, contentStart, contentEnd, propertiesBytes, bodyBytes } = draft;
    const channel = { names: draft.names, start: channelStart(draft), end: draft.namesEnd };
    let end = writeTailStart(target, at, channel, bodyBytes);
    end = this.#fromTail.copy(content, contentStart + propertiesBytes, contentEnd, target, end);
    for (const piece of draft.more) end += piece.copy(target, end);
    target[end] = CR;
    target[end + 1] = LF;
    return end + 2;
  }

  /** Channels first, then patterns: the order in which Redis sends them. */
  #plan(targets: readonly SubscriberTarget[]): Plan {
    const byHead = new Map<Buffer, Frame>();
    let count = 0;
    for (const { owner, tags } of targets) {
      const session = owner as RedisSession;
      for (const tag of tags as readonly MessageTag[]) {
        const head = tag.head(session.reply.version);
        let frame = byHead.get(head);
        if (frame === undefined) {
          frame = { head, shared: this.#memoryOf(tag, session), sessions: [] };
          byHead.set(head, frame);
        }
        frame.sessions.push(session);
        count += 1;
      }
    }
    const frames = [...byHead.values()];
    const rank = ({ shared }: Frame): number => (shared === this.#patterns ? 1 : 0);
    frames.sort((a, b) => rank(a) - rank(b));
    return { frames, count, generation: this.#generation };
  }

  #memoryOf(tag: MessageTag, session: RedisSession): SharedFrames {
    return tag.pattern === undefined ? this.#plain[session.reply.version - 2]! : this.#patterns;
  }
}

/** Behind the length byte of the routing key. */
function channelStart({ names, namesStart }: MessageDraft): number {
  return namesStart + 1 + names[namesStart]! + 1;
}
