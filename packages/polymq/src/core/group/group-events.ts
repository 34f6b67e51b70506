import type { MemberRecord } from './group-member.ts';
import type { GroupErrorCode, Joined, JoinRequest, Synced, SyncRequest } from './groups.ts';

/** A join as the state machine takes it. */
export interface JoinEvent extends Omit<JoinRequest, 'groupId' | 'signal'> {
  /** Names the waiting request in the output that answers it. */
  requestId: number;
  /** A fresh id, for a member that has none. */
  newMemberId: string;
}

export interface SyncEvent extends Omit<SyncRequest, 'groupId' | 'signal'> {
  requestId: number;
}

/** Membership of a group at one generation, as the journal keeps it. */
export interface GroupRecord {
  protocolType: string;
  protocolName: string;
  generation: number;
  leaderId: string;
  members: readonly MemberRecord[];
}

/** What the state machine wants done. Every request is answered by exactly one of the first three. */
export type GroupOutput =
  | { kind: 'joined'; requestId: number; joined: Joined }
  | { kind: 'synced'; requestId: number; synced: Synced }
  | {
      kind: 'rejected';
      requestId: number;
      code: GroupErrorCode;
      /** With `member-id-required`: the id to join with. */
      memberId?: string;
    }
  /** Make this durable, then call `written(ticket)`, or `writeFailed(ticket, code)`. */
  | { kind: 'write'; ticket: number; record: GroupRecord };

/** Kinds of asynchronous work that a ticket stands for, until its record is durable. */
export type PendingWrite =
  /** The group became empty: nobody waits. */
  | { kind: 'empty' }
  /** The leader's assignment; syncs wait for it. */
  | { kind: 'assignment'; assignments: ReadonlyMap<string, Buffer> }
  /** A static member came back in a stable group; its join waits for it. */
  | { kind: 'return'; memberId: string; requestId: number; leaderId: string; skip: boolean };
