import { electProtocol, type MemberRecord, metadataFor, NO_ASSIGNMENT } from './group-member.ts';
import type { GroupRoster } from './group-roster.ts';

/**
 * The streams that a member's metadata asks for, `undefined` if that cannot be told. What the bytes mean is a
 * protocol's business, so this comes from outside.
 */
export type SubscribedStreams = (protocolType: string, metadata: Buffer) => string[] | undefined;

/** What one member asks for. */
export function subscriptionOf(
  roster: GroupRoster,
  member: MemberRecord,
  parse: SubscribedStreams,
): string[] | undefined {
  const metadata =
    roster.protocolName === ''
      ? (member.protocols[0]?.metadata ?? NO_ASSIGNMENT)
      : metadataFor(member, roster.protocolName);
  return parse(roster.protocolType, metadata);
}

/** What all members ask for together; `undefined` if that cannot be told of one of them. */
export function subscriptionOfAll(
  roster: GroupRoster,
  parse: SubscribedStreams,
): Set<string> | undefined {
  const streams = new Set<string>();
  for (const member of roster.members.all()) {
    const subscribed = subscriptionOf(roster, member, parse);
    if (subscribed === undefined) return undefined;
    for (const stream of subscribed) streams.add(stream);
  }
  return streams;
}

/**
 * Whether the assignment of a stable group still fits after a static member has come back: the same
 * protocol would be elected, and the member asks for the same streams. Its metadata may differ otherwise, as
 * it tells what the member owned.
 */
export function assignmentFits(
  roster: GroupRoster,
  subscribedBefore: string[] | undefined,
  subscribedNow: string[] | undefined,
): boolean {
  if (electProtocol([...roster.members.all()]) !== roster.protocolName) return false;
  if (subscribedBefore === undefined || subscribedNow === undefined) return true;
  const before = new Set(subscribedBefore);
  return (
    before.size === new Set(subscribedNow).size && subscribedNow.every((name) => before.has(name))
  );
}
