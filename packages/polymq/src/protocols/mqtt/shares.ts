/**
 * Shared subscriptions (§4.8.2): each is a queue of which the members are the consumers, so a message goes to one of them, and
 * waits if none has room.
 *
 *   amq.topic ──filter──► mqtt-share-<group>/<filter> ──► whoever's turn it is
 *
 * It is there as long as it has members: connected clients, and stored sessions whether connected or not. With the first of
 * those it becomes durable: a second queue takes over its binding, and the first one is emptied by the same members.
 */
import type { Queue } from '../../core/queue/queue.ts';
import type { MqttServer } from './server.ts';
import type { MqttSession } from './session.ts';
import { bindingOf, openQueue } from './session-queue.ts';
import { ShareMember } from './share-member.ts';
import type { Subscription } from './subscription.ts';

const PREFIX = 'mqtt-share-';
/** No group has a slash in its name, so no durable one is called so. */
const TRANSIENT_PREFIX = 'mqtt-share/';
const KIND = 'mqtt-share';

export function isShareQueue({ definition }: Queue): boolean {
  return definition.declared['polymq-kind'] === KIND;
}

export class Share {
  /** `group/filter` */
  readonly name: string;
  readonly members: Set<ShareMember> = new Set();
  transient: Queue | undefined;
  durable: Queue | undefined;
  /** Changes happen one after the other. */
  changing: Promise<void> = Promise.resolve();

  constructor(name: string) {
    this.name = name;
  }

  /** Those that members consume. */
  get queues(): readonly Queue[] {
    return [this.transient, this.durable].filter((queue) => queue?.deleted === false) as Queue[];
  }
}

export class Shares {
  readonly #server: MqttServer;
  readonly #shares = new Map<string, Share>();

  constructor(server: MqttServer) {
    this.#server = server;
  }

  get size(): number {
    return this.#shares.size;
  }

  /** The session has subscribed. Resolves when it gets its part of the messages. */
  async join(session: MqttSession, subscription: Subscription): Promise<void> {
    const known = session.members?.get(subscription.filter);
    if (known !== undefined) {
      known.subscription = subscription;
      if (session.stored && subscription.qos > 0) await openQueue(session);
      return;
    }
    const share = this.#share(subscription.share!);
    const member = this.#add(share, session, subscription);
    if (session.stored && subscription.qos > 0) await openQueue(session);
    await this.#change(share, () => this.#open(share, subscription, session.stored));
    if (share.members.has(member)) member.start();
  }

  /** The session is a member no more. */
  async leave(member: ShareMember): Promise<void> {
    const { share, session, subscription } = member;
    member.stop();
    share.members.delete(member);
    session.members?.delete(subscription.filter);
    if (share.members.size > 0) return;
    await this.#change(share, () => this.#close(share));
  }

  /** A stored session of before the restart is a member; called for all of them before any connects. */
  restore(session: MqttSession, subscription: Subscription): void {
    const share = this.#share(subscription.share!);
    this.#add(share, session, subscription);
    share.durable ??= this.#server.broker.queues.get('', PREFIX + share.name);
  }

  /** A queue of a share that nobody is a member of. */
  isOrphan(queue: Queue): boolean {
    return isShareQueue(queue) && !this.#shares.has(queue.name.slice(PREFIX.length));
  }

  /**
   * Sees that all shares that were restored have their queues, and that these are bound. Returns the queues and what they are
   * bound by.
   */
  repair(): [queue: string, subscription: Subscription][] {
    const wanted: [string, Subscription][] = [];
    for (const share of this.#shares.values()) {
      const [member] = share.members;
      if (member === undefined) continue;
      const { subscription } = member;
      wanted.push([PREFIX + share.name, subscription]);
      const repaired = this.#change(share, async () => {
        share.durable ??= await this.#declare(PREFIX + share.name, true);
        await this.#server.broker.exchanges.bind(bindingOf(share.durable.name, subscription));
        for (const {
          session,
          subscription: { qos },
        } of share.members) {
          if (session.stored && qos > 0) await openQueue(session);
        }
      });
      this.#server.sessions.background(repaired, 'a shared subscription was not repaired');
    }
    return wanted;
  }

  #share(name: string): Share {
    let share = this.#shares.get(name);
    if (share === undefined) {
      share = new Share(name);
      this.#shares.set(name, share);
    }
    return share;
  }

  #add(share: Share, session: MqttSession, subscription: Subscription): ShareMember {
    const member = new ShareMember(share, session, subscription);
    share.members.add(member);
    session.members ??= new Map();
    session.members.set(subscription.filter, member);
    return member;
  }

  #change(share: Share, change: () => Promise<void>): Promise<void> {
    const changing = share.changing.then(change);
    share.changing = changing.catch(() => undefined);
    return changing;
  }

  async #open(share: Share, subscription: Subscription, stored: boolean): Promise<void> {
    const { exchanges } = this.#server.broker;
    if (share.members.size === 0 || share.durable?.deleted === false) return;
    if (stored) {
      share.durable = await this.#declare(PREFIX + share.name, true);
      await exchanges.bind(bindingOf(share.durable.name, subscription));
      if (share.transient !== undefined) {
        await exchanges.unbind(bindingOf(share.transient.name, subscription));
      }
      for (const member of share.members) member.start();
    } else if (share.transient?.deleted !== false) {
      share.transient = await this.#declare(TRANSIENT_PREFIX + share.name, false);
      await exchanges.bind(bindingOf(share.transient.name, subscription));
    }
  }

  async #declare(name: string, durable: boolean): Promise<Queue> {
    const { queues } = this.#server.broker;
    const known = queues.get('', name);
    if (known?.definition.declared['polymq-kind'] === KIND) return known;
    return queues.declare('', name, {
      durable,
      autoDelete: false,
      exclusive: false,
      settings: { lengthMax: this.#server.options.sessionMessagesMax, overflow: 'drop-head' },
      declared: { 'polymq-kind': KIND },
    });
  }

  /** The last member has gone. */
  async #close(share: Share): Promise<void> {
    if (share.members.size > 0) return;
    for (const queue of share.queues) await this.#server.broker.queues.delete(queue);
    share.transient = undefined;
    share.durable = undefined;
    if (share.members.size === 0 && this.#shares.get(share.name) === share) {
      this.#shares.delete(share.name);
    }
  }
}
