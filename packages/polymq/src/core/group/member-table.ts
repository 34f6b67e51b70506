import { type Member, type MemberProtocol, protocolBytes } from './group-member.ts';
import type { GroupErrorCode } from './groups.ts';

/**
 * Who is in a group: members, the ids given out but not joined with yet, static instance ids, and the leader.
 *
 * Invariants:
 * - The leader is a member; there is one if and only if there are members.
 * - An instance id belongs to exactly one member; no id is a member's and pending at once.
 */
export class MemberTable {
  readonly #members = new Map<string, Member>();
  readonly #idOfInstance = new Map<string, string>();
  /** Ids given out with `member-id-required`, and when each is forgotten. */
  readonly pending: Map<string, number> = new Map();
  #leaderId = '';
  #protocolBytes = 0;

  get size(): number {
    return this.#members.size;
  }

  /** Bytes of what all members say of themselves. */
  get protocolBytes(): number {
    return this.#protocolBytes;
  }

  /** Empty if there are no members. */
  get leaderId(): string {
    return this.#leaderId;
  }

  get(memberId: string): Member | undefined {
    return this.#members.get(memberId);
  }

  /** In the order in which they joined. */
  all(): IterableIterator<Member> {
    return this.#members.values();
  }

  idOfInstance(instanceId: string): string | undefined {
    return this.#idOfInstance.get(instanceId);
  }

  /** The first member leads. */
  add(member: Member): void {
    this.pending.delete(member.memberId);
    this.#members.set(member.memberId, member);
    this.#protocolBytes += protocolBytes(member.protocols);
    if (member.instanceId !== undefined) this.#idOfInstance.set(member.instanceId, member.memberId);
    if (this.#leaderId === '') this.#leaderId = member.memberId;
  }

  /** When the leader goes, the member that has been there longest leads. */
  remove(memberId: string): Member | undefined {
    this.pending.delete(memberId);
    const member = this.#members.get(memberId);
    if (member === undefined) return undefined;
    this.#members.delete(memberId);
    this.#protocolBytes -= protocolBytes(member.protocols);
    if (member.instanceId !== undefined) this.#idOfInstance.delete(member.instanceId);
    if (memberId === this.#leaderId) this.#leaderId = this.#members.keys().next().value ?? '';
    return member;
  }

  /** From now on the member says this of itself. */
  speaks(member: Member, protocols: readonly MemberProtocol[]): void {
    this.#protocolBytes += protocolBytes(protocols) - protocolBytes(member.protocols);
    member.protocols = protocols;
  }

  /** Makes a member that is there the leader. */
  lead(memberId: string): void {
    if (this.#members.has(memberId)) this.#leaderId = memberId;
  }

  /** A static member takes over the place, leadership and assignment of its former process. */
  rename(oldId: string, newId: string): Member | undefined {
    const wasLeader = oldId === this.#leaderId;
    const member = this.remove(oldId);
    if (member === undefined) return undefined;
    member.memberId = newId;
    this.add(member);
    if (wasLeader) this.#leaderId = newId;
    return member;
  }

  /** Whether all have joined the rebalance, also those that were only given an id yet. */
  allJoined(): boolean {
    if (this.pending.size > 0) return false;
    for (const member of this.#members.values()) {
      if (member.joinRequest === undefined) return false;
    }
    return true;
  }

  joiningCount(): number {
    let count = 0;
    for (const member of this.#members.values()) {
      if (member.joinRequest !== undefined) count++;
    }
    return count;
  }

  /** A rebalance takes as long as its most patient member allows. */
  rebalanceTimeoutMs(): number {
    let longest = 0;
    for (const member of this.#members.values()) {
      longest = Math.max(longest, member.rebalanceTimeoutMs);
    }
    return longest;
  }

  /** Why a request that names this member is refused, if it is. */
  refusal(memberId: string, instanceId: string | undefined): GroupErrorCode | undefined {
    if (instanceId !== undefined) {
      const owner = this.#idOfInstance.get(instanceId);
      if (owner === undefined) return 'unknown-member';
      if (owner !== memberId) return 'fenced-instance';
    }
    return this.#members.has(memberId) ? undefined : 'unknown-member';
  }
}
