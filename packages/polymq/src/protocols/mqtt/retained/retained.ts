/**
 * Retained messages (§3.3.1.3): the newest of each topic, for those who subscribe later. They are durable whatever their QoS.
 *
 *   PUBLISH, retain = 1 ─► keep ─┬─ payload: in place of the one before
 *                                └─ none: the topic has no retained message any more
 *   SUBSCRIBE ─► show ─► each whose topic the filter wants, with what is left of its time
 *
 * Topics that begin with `$` are kept apart, as their exchange is, so that `#` never finds them. What the broker says of itself
 * is made when it is asked for (`system/`).
 */
import type { MessageView } from '../../../core/message/message-bytes.ts';
import type { MessageDraft } from '../../../core/message/message-draft.ts';
import type { RetainedMessages } from '../../../core/retained/retained-messages.ts';
import type { Clock } from '../../../lib/environment/clock.ts';
import { SYSTEM_EXCHANGE } from '../topics.ts';

/** Topics that begin with `$` have a namespace of their own in what is kept. */
const SYSTEM_NAMESPACE = 'mqtt.system';
const TOPIC_NAMESPACE = '';

/**
 * Gets a retained message. The view is valid until it returns; `expiryS` is what is left of its time, -1 if it never expires.
 * Returns false to end, or a promise of that if the client cannot take more now.
 */
export type RetainedVisitor = (view: MessageView, expiryS: number) => boolean | Promise<boolean>;

/** Retained messages that are nowhere: made when somebody asks. */
export interface MadeMessages {
  /** Shows those whose key the pattern matches. Undefined if all were shown before this returned. */
  visit(pattern: string, visit: RetainedVisitor): Promise<void> | undefined;
}

export interface RetainedOptions {
  messages: RetainedMessages;
  clock: Clock;
  /** Below `$SYS`. */
  system?: MadeMessages | undefined;
}

export class Retained {
  readonly #messages: RetainedMessages;
  readonly #clock: Clock;
  readonly #system: MadeMessages | undefined;

  constructor({ messages, clock, system }: RetainedOptions) {
    this.#messages = messages;
    this.#clock = clock;
    this.#system = system;
  }

  /**
   * Keeps a message that is published with the retain flag, or forgets that of its topic if it has no payload. Call it before
   * it is published, with `store.together(2)` before both: then a crash keeps both or neither. Throws
   * `BrokerError` `limit-reached`: then it should not be published either.
   */
  keep(draft: MessageDraft): void {
    const namespace = namespaceOf(draft);
    if (draft.bodyBytes === 0) {
      this.#messages.remove(namespace, routingKeyOf(draft));
      return;
    }
    const { persistent } = draft;
    draft.persistent = true;
    try {
      this.#messages.set(namespace, draft);
    } finally {
      draft.persistent = persistent;
    }
  }

  /**
   * Shows the retained messages that a filter wants: `exchange` and `key` are what it is bound with. Undefined if all were shown before
   * this returned. Rejects with `BrokerError`.
   */
  show(exchange: string, key: string, visit: RetainedVisitor): Promise<void> | undefined {
    if (exchange !== SYSTEM_EXCHANGE) return this.#show(TOPIC_NAMESPACE, key, visit);
    const made = this.#system?.visit(key, visit);
    if (made === undefined) return this.#show(SYSTEM_NAMESPACE, key, visit);
    return made.then(() => this.#show(SYSTEM_NAMESPACE, key, visit));
  }

  #show(namespace: string, key: string, visit: RetainedVisitor): Promise<void> | undefined {
    return this.#messages.visit(namespace, key, (view, expiresMs) =>
      visit(view, expiresMs === 0 ? -1 : this.#leftS(expiresMs)),
    );
  }

  #leftS(expiresMs: number): number {
    return Math.max(0, Math.ceil((expiresMs - this.#clock.nowMs()) / 1000));
  }
}

/** Whether a SUBSCRIBE gets retained messages, by its retain handling. Shared subscriptions never do (§4.8.2). */
export function wantsRetained(handling: 0 | 1 | 2, isNew: boolean, isShared: boolean): boolean {
  return !isShared && (handling === 0 || (handling === 1 && isNew));
}

function namespaceOf({ names, namesStart }: MessageDraft): string {
  const start = namesStart + 1;
  const exchange = names.toString('latin1', start, start + names[namesStart]!);
  return exchange === SYSTEM_EXCHANGE ? SYSTEM_NAMESPACE : TOPIC_NAMESPACE;
}

function routingKeyOf({ names, namesStart, namesEnd }: MessageDraft): string {
  return names.toString('utf8', namesStart + 2 + names[namesStart]!, namesEnd);
}
