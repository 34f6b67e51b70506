/**
 * SUBSCRIBE and its kin: one confirmation per name, also for names that were subscribed to before, and one without a
 * name if there is nothing to unsubscribe from. Clients that want no replies get confirmations all the same.
 */
import type { Handler } from '../command-row.ts';
import { CommandError } from '../errors.ts';
import type { RedisSession } from '../session.ts';
import { readSubscription, type SubscriptionKind } from '../subscriptions.ts';

const VERBS: Readonly<Record<SubscriptionKind, readonly [on: string, off: string]>> = {
  channel: ['subscribe', 'unsubscribe'],
  pattern: ['psubscribe', 'punsubscribe'],
  shard: ['ssubscribe', 'sunsubscribe'],
};

function subscribing(kind: SubscriptionKind): Handler {
  const verb = VERBS[kind][0];
  return (session, args) => {
    const { subscriptions } = session;
    // All names are looked at before the first is subscribed to.
    const names = args.slice(1).map((name) => readSubscription(kind, name));
    checkLimit(session, kind, names);
    for (const name of names) {
      subscriptions.add(kind, name);
      confirm(session, verb, name, subscriptions.counted(kind));
    }
  };
}

function unsubscribing(kind: SubscriptionKind): Handler {
  const verb = VERBS[kind][1];
  return (session, args) => {
    const { subscriptions } = session;
    const named = args.slice(1);
    const names =
      named.length > 0
        ? named.map((name) => readSubscription(kind, name))
        : subscriptions.names(kind);
    if (names.length === 0) confirm(session, verb, undefined, subscriptions.counted(kind));
    for (const name of names) {
      subscriptions.delete(kind, name);
      confirm(session, verb, name, subscriptions.counted(kind));
    }
  };
}

function checkLimit(session: RedisSession, kind: SubscriptionKind, names: string[]): void {
  const { subscriptionsMax } = session.server.options;
  const { subscriptions } = session;
  // Far below it, nobody needs to be counted.
  if (subscriptions.total + names.length <= subscriptionsMax) return;
  const added = new Set(names.filter((name) => !subscriptions.has(kind, name)));
  if (subscriptions.total + added.size <= subscriptionsMax) return;
  throw new CommandError(
    `ERR this connection would have more than ${subscriptionsMax} subscriptions; use patterns or several connections, or raise redis.subscriptionsMax`,
  );
}

function confirm(
  session: RedisSession,
  verb: string,
  name: string | undefined,
  count: number,
): void {
  const { reply } = session;
  const { sink } = reply;
  if (session.silent) reply.sink = session.output;
  reply.push(3);
  reply.bulk(verb);
  if (name === undefined) reply.null();
  else reply.bulk(name);
  reply.integer(count);
  reply.sink = sink;
}

export const subscribe: Handler = subscribing('channel');
export const unsubscribe: Handler = unsubscribing('channel');
export const psubscribe: Handler = subscribing('pattern');
export const punsubscribe: Handler = unsubscribing('pattern');
export const ssubscribe: Handler = subscribing('shard');
export const sunsubscribe: Handler = unsubscribing('shard');
