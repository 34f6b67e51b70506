/**
 * All sessions by client id: who comes back to which, how long they last, and what is left of them after a restart.
 *
 * Whatever changes which session a client id stands for happens one after the other (`enter`): two connections of one client, or
 * one that comes while its session of before is being cleared away. Clearing away begins with the session's document, so
 * a crash leaves at most what `restore` recognises as nobody's.
 */
import { TimerWheel } from '../../lib/timer-wheel.ts';
import { type ClientMarks, readMarks, receivedMark, sentMark } from './marks.ts';
import { reconcileBindings } from './reconcile.ts';
import type { MqttServer } from './server.ts';
import { type EndOfConnection, MqttSession } from './session.ts';
import {
  readSession,
  readSubscription,
  SESSION_KEY,
  SUBSCRIPTION_KEY,
  sessionKey,
  subscriptionKey,
  writeSession,
} from './session-document.ts';
import { isSessionQueue, sessionQueueName } from './session-queue.ts';

const TIMER_KEY_MAX = 2 ** 31 - 1;

export class Sessions {
  /** Subscriptions of stored sessions that do not want what their own client publishes. */
  noLocalCount = 0;
  readonly #server: MqttServer;
  readonly #sessions = new Map<string, MqttSession>();
  readonly #wheel: TimerWheel;
  readonly #timed = new Map<number, MqttSession>();
  #lastKey = 0;
  /** Client ids whose session is changing. */
  readonly #changing = new Map<string, Promise<void>>();
  /** What was begun and nobody waits for. */
  readonly #writing = new Set<Promise<void>>();
  #closed = false;

  constructor(server: MqttServer) {
    const { clock, timers } = server.environment;
    this.#server = server;
    this.#wheel = new TimerWheel({ clock, timers, onDue: (key) => this.#due(key) });
  }

  get size(): number {
    return this.#sessions.size;
  }

  get(clientId: string): MqttSession | undefined {
    return this.#sessions.get(clientId);
  }

  values(): IterableIterator<MqttSession> {
    return this.#sessions.values();
  }

  /** Waits until nothing else changes the client's session. Call what it resolves with when the change is done. */
  async enter(clientId: string): Promise<() => void> {
    for (;;) {
      const changing = this.#changing.get(clientId);
      if (changing === undefined) break;
      await changing;
    }
    return this.#enterNow(clientId);
  }

  /** A session for a client that has none. Within `enter`. */
  async create(clientId: string, expiryS: number): Promise<MqttSession> {
    const session = new MqttSession(this.#server, clientId, { stored: expiryS > 0, expiryS });
    if (session.stored) await this.#put(session);
    this.#sessions.set(clientId, session);
    return session;
  }

  /** The client has come back to its session. Within `enter`. */
  async resume(session: MqttSession, expiryS: number): Promise<void> {
    this.#stopTimer(session);
    session.expiryS = expiryS;
    session.endedMs = 0;
    await this.#put(session);
  }

  /** If nobody has come to it after all, it lasts as if its connection had just ended. */
  abandon(session: MqttSession): void {
    if (session.ending !== undefined || session.connection !== undefined) return;
    this.#startAway(session);
  }

  connectionEnded(session: MqttSession, end: EndOfConnection): void {
    const { wills } = this.#server;
    if (end === 'normal') wills.disarm(session.clientId);
    else if (end !== 'shutdown') wills.lost(session.clientId, session.expiryS);
    this.#startAway(session);
  }

  /** The session is over. Resolves when nothing of it is left. */
  end(session: MqttSession): Promise<void> {
    session.ending ??= this.#end(session);
    return session.ending;
  }

  #end(session: MqttSession): Promise<void> {
    this.#stopTimer(session);
    if (this.#sessions.get(session.clientId) === session) this.#sessions.delete(session.clientId);
    const leaving = session.working.then(() => this.#leaveShares(session));
    this.#server.wills.sessionEnded(session.clientId);
    if (!session.stored) return leaving;
    return leaving.then(() => this.#clear(session));
  }

  /** Takes in what was there before the restart. */
  restore(): void {
    const { documents, queues } = this.#server.broker;
    const nowMs = this.#server.environment.clock.nowMs();
    const marks = readMarks((prefix) => queues.store.marks(prefix));
    for (const [key, document] of documents.list(SESSION_KEY)) {
      const read = readSession(document);
      const clientId = key.slice(SESSION_KEY.length);
      if (read === undefined) continue;
      const session = new MqttSession(this.#server, clientId, {
        stored: true,
        expiryS: read.expiryS,
      });
      session.endedMs = read.endedMs === 0 ? nowMs : read.endedMs;
      this.#sessions.set(clientId, session);
      session.delivery.queue = queues.get('', sessionQueueName(clientId));
      session.delivery.restore(marks.get(clientId)?.sent ?? []);
      const received = marks.get(clientId)?.received ?? [];
      if (received.length > 0) session.received = new Set(received);
    }
    this.#restoreSubscriptions();
    this.#dropOrphans(marks);
    reconcileBindings(this.#server);
    for (const session of this.#sessions.values()) this.#startTimer(session, nowMs);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wheel.stop();
    await Promise.allSettled([...this.#writing, ...this.#changing.values()]);
  }

  /** Nobody waits for it; a failure is logged. */
  background(work: Promise<void>, what: string): void {
    const guarded = work
      .catch((error: unknown) => this.#server.logger.error({ error }, what))
      .finally(() => this.#writing.delete(guarded));
    this.#writing.add(guarded);
  }

  #enterNow(clientId: string): () => void {
    let leave = (): void => undefined;
    const changing = new Promise<void>((resolve) => {
      leave = () => {
        this.#changing.delete(clientId);
        resolve();
      };
    });
    this.#changing.set(clientId, changing);
    return leave;
  }

  #put(session: MqttSession): Promise<void> {
    const { clientId, expiryS, endedMs } = session;
    const document = writeSession({ expiryS, endedMs });
    return this.#server.broker.documents.put(sessionKey(clientId), document);
  }

  #startAway(session: MqttSession): void {
    session.endedMs = this.#server.environment.clock.nowMs();
    if (session.expiryS === 0) {
      this.#endInBackground(session);
      return;
    }
    this.background(this.#put(session), 'the end of an MQTT connection was not noted');
    this.#startTimer(session, session.endedMs);
  }

  /** Who comes with that client id meanwhile waits. */
  #endInBackground(session: MqttSession): void {
    const ending = this.end(session);
    // Whoever takes over is within `enter`, and waits for the end himself.
    const mustWait = session.stored && !this.#changing.has(session.clientId);
    const leave = mustWait ? this.#enterNow(session.clientId) : undefined;
    this.background(
      ending.finally(() => leave?.()),
      'an MQTT session was not cleared away',
    );
  }

  #startTimer(session: MqttSession, nowMs: number): void {
    this.#stopTimer(session);
    if (this.#closed || session.expiryS === Number.POSITIVE_INFINITY) return;
    do this.#lastKey = this.#lastKey === TIMER_KEY_MAX ? 1 : this.#lastKey + 1;
    while (this.#timed.has(this.#lastKey));
    session.timerKey = this.#lastKey;
    this.#timed.set(session.timerKey, session);
    const leftMs = session.endedMs + session.expiryS * 1000 - nowMs;
    session.timer = this.#wheel.add(Math.max(0, leftMs), session.timerKey);
  }

  #stopTimer(session: MqttSession): void {
    if (session.timerKey === 0) return;
    this.#wheel.cancel(session.timer);
    this.#timed.delete(session.timerKey);
    session.timerKey = 0;
  }

  #due(key: number): void {
    const session = this.#timed.get(key);
    if (session === undefined) return;
    this.#timed.delete(key);
    session.timerKey = 0;
    this.#endInBackground(session);
  }

  async #leaveShares(session: MqttSession): Promise<void> {
    if (session.members === undefined) return;
    for (const member of session.members.values()) await this.#server.shares.leave(member);
    session.members = undefined;
  }

  async #clear(session: MqttSession): Promise<void> {
    const { documents, queues } = this.#server.broker;
    const { clientId, delivery } = session;
    await documents.delete(sessionKey(clientId));
    for (const packetId of session.received ?? []) {
      queues.store.setMark(receivedMark(clientId, packetId), undefined);
    }
    delivery.forget();
    const queue = delivery.queue;
    delivery.queue = undefined;
    if (queue !== undefined && !queue.deleted) await queues.delete(queue);
    const filters = [...session.subscriptions.values()];
    for (const subscription of filters) session.remove(subscription);
    await Promise.all(
      filters.map(({ filter }) => documents.delete(subscriptionKey(clientId, filter))),
    );
  }

  #restoreSubscriptions(): void {
    const { documents } = this.#server.broker;
    for (const [key, document] of documents.list(SUBSCRIPTION_KEY)) {
      const read = readSubscription(key, document);
      const session = read && this.#sessions.get(read.clientId);
      if (session === undefined) {
        this.background(documents.delete(key), 'a subscription of no session was not deleted');
        continue;
      }
      session.add(read!.subscription);
      if (read!.subscription.share !== undefined) {
        this.#server.shares.restore(session, read!.subscription);
      }
    }
  }

  /** What a crash has left of sessions that were being cleared away. */
  #dropOrphans(marks: ReadonlyMap<string, ClientMarks>): void {
    const { queues } = this.#server.broker;
    for (const [clientId, { received, sent }] of marks) {
      if (this.#sessions.has(clientId)) continue;
      for (const id of received) queues.store.setMark(receivedMark(clientId, id), undefined);
      for (const id of sent) queues.store.setMark(sentMark(clientId, id), undefined);
    }
    const known = new Set<string>();
    for (const clientId of this.#sessions.keys()) known.add(sessionQueueName(clientId));
    for (const queue of queues.list('')) {
      const mine = isSessionQueue(queue) && !known.has(queue.name);
      if (!mine && !this.#server.shares.isOrphan(queue)) continue;
      const deleted = queues.delete(queue).then(() => undefined);
      this.background(deleted, 'the queue of an MQTT session that is over was not deleted');
    }
  }
}
