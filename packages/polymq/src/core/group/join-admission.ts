import type { JoinEvent } from './group-events.ts';
import { protocolBytes, sharesProtocol } from './group-member.ts';
import type { GroupRoster } from './group-roster.ts';
import type { GroupErrorCode, GroupState } from './groups.ts';

export interface AdmissionLimits {
  membersMax: number;
  /** Metadata of all members together, and assignments of all together. */
  memberBytesMax: number;
}

/** Why this join is refused, whoever it comes from. */
export function joinRefusal(
  roster: GroupRoster,
  state: GroupState,
  event: JoinEvent,
  limits: AdmissionLimits,
): GroupErrorCode | undefined {
  if (!hasRoom(roster, state, event.memberId, limits.membersMax)) return 'group-full';
  if (event.protocolType === '' || event.protocols.length === 0) return 'inconsistent-protocol';
  if (state !== 'empty') {
    const agrees =
      event.protocolType === roster.protocolType &&
      sharesProtocol(roster.members.all(), event.protocols);
    if (!agrees) return 'inconsistent-protocol';
  }
  const before = roster.members.get(event.memberId)?.protocols ?? [];
  const othersBytes = roster.members.protocolBytes - protocolBytes(before);
  const bytes = othersBytes + protocolBytes(event.protocols);
  return bytes > limits.memberBytesMax ? 'limit-reached' : undefined;
}

/**
 * While a rebalance is being prepared those that wait count: whoever joins first has a place, and those that join
 * last are turned away, also if they were members (the limit may have been lowered). That leaves at most
 * twice as many members until the rebalance is over.
 */
function hasRoom(
  { members }: GroupRoster,
  state: GroupState,
  memberId: string,
  membersMax: number,
): boolean {
  const member = members.get(memberId);
  // Ids that were given out are not members yet, but take memory as well.
  if (memberId === '' && members.pending.size >= membersMax) return false;
  switch (state) {
    case 'preparing-rebalance':
      if (members.size < membersMax || member?.joinRequest !== undefined) return true;
      if (member === undefined && members.size >= 2 * membersMax) return false;
      return members.joiningCount() < membersMax;
    case 'completing-rebalance':
    case 'stable':
      return member !== undefined || members.size < membersMax;
    default:
      return true;
  }
}
