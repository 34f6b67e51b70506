/**
 * Members of a group: what is known of one, what it waits for, and how members agree on the protocol by which the
 * leader assigns. A member lists the protocols that it speaks, preferred first, with metadata for each; only
 * what all speak can be elected.
 *
 * Invariant: the members of a group have at least one protocol in common (`sharesProtocol` is asked before
 * anybody joins), so an election always has a result.
 */

/** An assignment protocol that a member speaks, with what it says of itself in it. */
export interface MemberProtocol {
  name: string;
  metadata: Buffer;
}

/** What is known about a member and survives a restart. */
export interface MemberRecord {
  memberId: string;
  /** Set for a static member: who it is across restarts of its process (KIP-345). */
  instanceId: string | undefined;
  clientId: string;
  clientHost: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  /** Preferred first. */
  protocols: readonly MemberProtocol[];
  assignment: Buffer;
}

/** A member of a group, with what it is waiting for. */
export interface Member extends MemberRecord {
  /** True until its first generation has formed: till then its session is not watched. */
  isNew: boolean;
  /** Whether it was told its id, so that it can come back with it over another connection. */
  knowsId: boolean;
  /** The join that waits for the generation to form. */
  joinRequest: number | undefined;
  /** The sync that waits for the leader's assignment. */
  syncRequest: number | undefined;
  /** When it is given up unless it shows up before. */
  deadlineMs: number;
}

export const NO_ASSIGNMENT: Buffer = Buffer.alloc(0);

/** What stays of a member in the journal: a copy that later changes do not touch. */
export function recordOfMember(member: Member, assignment: Buffer): MemberRecord {
  const { memberId, instanceId, clientId, clientHost, sessionTimeoutMs, rebalanceTimeoutMs } =
    member;
  return {
    memberId,
    instanceId,
    clientId,
    clientHost,
    sessionTimeoutMs,
    rebalanceTimeoutMs,
    protocols: member.protocols,
    assignment,
  };
}

export function sameProtocols(a: readonly MemberProtocol[], b: readonly MemberProtocol[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ name, metadata }, index) => {
      const other = b[index]!;
      return name === other.name && metadata.equals(other.metadata);
    })
  );
}

/** What a member says of itself in the protocol named, or nothing. */
export function metadataFor(member: MemberRecord, protocolName: string): Buffer {
  return (
    member.protocols.find((protocol) => protocol.name === protocolName)?.metadata ?? NO_ASSIGNMENT
  );
}

/** Bytes of metadata that a member with these protocols makes the group keep. */
export function protocolBytes(protocols: readonly MemberProtocol[]): number {
  return protocols.reduce((sum, { name, metadata }) => sum + name.length + metadata.length, 0);
}

/** Whether a member may join: at least one of its protocols is spoken by all who are there. */
export function sharesProtocol(
  members: Iterable<MemberRecord>,
  protocols: readonly MemberProtocol[],
): boolean {
  let names = protocols.map((protocol) => protocol.name);
  for (const member of members) {
    // Nearly always all speak the same.
    if (sameNames(member.protocols, protocols)) continue;
    names = names.filter((name) => member.protocols.some((protocol) => protocol.name === name));
    if (names.length === 0) return false;
  }
  return names.length > 0;
}

function sameNames(a: readonly MemberProtocol[], b: readonly MemberProtocol[]): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) {
    if (a[index]!.name !== b[index]!.name) return false;
  }
  return true;
}

/**
 * The protocol of the next generation: each member votes for the first in its own list that all
 * members speak, and most votes win; the one that got its first vote earlier, if equal.
 */
export function electProtocol(members: readonly MemberRecord[]): string {
  const common = new Set(members[0]?.protocols.map((protocol) => protocol.name));
  for (const member of members) {
    for (const name of common) {
      if (!member.protocols.some((protocol) => protocol.name === name)) common.delete(name);
    }
  }
  const votes = new Map<string, number>();
  for (const member of members) {
    const choice = member.protocols.find((protocol) => common.has(protocol.name))?.name;
    if (choice !== undefined) votes.set(choice, (votes.get(choice) ?? 0) + 1);
  }
  let elected = '';
  let most = 0;
  for (const [name, count] of votes) {
    if (count > most) [elected, most] = [name, count];
  }
  return elected;
}
