/**
 * The states of a group and what moves it from one to the next. `group-state.ts` says when, by what members do.
 *
 *                first join                       all joined, or timed out
 *   ┌──────► empty ───────► preparing-rebalance ───────────────────────────► completing-rebalance
 *   │                         │     ▲      ▲                                   │            │
 *   └─────────────────────────┘     │      └───────────────────────────────────┘            │
 *      nobody is left               │        leave, expiry, changed metadata,               │ the leader's
 *                                   │        or no sync before the timeout                  │ assignment
 *                                   │                                                       ▼ is durable
 *                                   └─────────────────────────────────────────────────── stable
 *                                      join of the leader or a new member, changed metadata,
 *                                      leave, expiry, or no sync before the timeout
 *
 *   any ──► dead: the group was deleted, or the broker stops
 *
 * A rebalance goes like this. Members join and wait; those that are there learn of it by their heartbeats. When
 * all have joined, or the longest rebalance timeout of theirs is over, dynamic members that did not join are
 * dropped, the generation goes up by one, and all joins are answered, the leader's with the list of
 * members. Each member then syncs and waits; the leader's sync carries everybody's assignment, which is
 * written to the journal before the syncs are answered.
 */
import type { PendingWrite, SyncEvent } from './group-events.ts';
import { electProtocol, type Member, NO_ASSIGNMENT } from './group-member.ts';
import type { GroupRoster } from './group-roster.ts';
import type { GroupErrorCode, GroupState } from './groups.ts';

const NEVER = Number.POSITIVE_INFINITY;

export class Rebalance {
  readonly #roster: GroupRoster;
  readonly #initialDelayMs: number;
  #state: GroupState = 'empty';
  /** Members that have not synced in this generation. */
  readonly #unsynced = new Set<string>();
  #joinDeadlineMs = NEVER;
  #syncDeadlineMs = NEVER;
  /** Set during the first rebalance of an empty group: how long it may still be put off. */
  #delayLeftMs: number | undefined;
  #joinedDuringDelay = false;
  /** The write that makes this generation stable, while it is under way. */
  #assignmentTicket: number | undefined;

  constructor(roster: GroupRoster, initialDelayMs: number) {
    this.#roster = roster;
    this.#initialDelayMs = initialDelayMs;
  }

  get state(): GroupState {
    return this.#state;
  }

  get deadlineMs(): number {
    return Math.min(this.#joinDeadlineMs, this.#syncDeadlineMs);
  }

  /** The group was read from the journal: members that are there have their assignment. */
  restored(): void {
    this.#state = this.#roster.members.size > 0 ? 'stable' : 'empty';
  }

  die(): void {
    this.#state = 'dead';
    this.#assignmentTicket = undefined;
    this.#joinDeadlineMs = NEVER;
    this.#syncDeadlineMs = NEVER;
  }

  /** A member has joined that wants a new generation. */
  joined(nowMs: number): void {
    if (this.#delayLeftMs !== undefined) this.#joinedDuringDelay = true;
    if (this.#state === 'preparing-rebalance') this.completeIfAllJoined(nowMs);
    else this.prepare(nowMs);
  }

  /** Members are gone that took part. */
  left(nowMs: number): void {
    if (this.#state === 'stable' || this.#state === 'completing-rebalance') this.prepare(nowMs);
    else this.completeIfAllJoined(nowMs);
  }

  /** Starts a rebalance. Who waits for an assignment is sent back to join. */
  prepare(nowMs: number): void {
    if (this.#state === 'completing-rebalance') this.#roster.rejectSyncs('rebalancing', nowMs);
    this.#assignmentTicket = undefined;
    this.#unsynced.clear();
    this.#syncDeadlineMs = NEVER;
    const initial = this.#state === 'empty';
    this.#state = 'preparing-rebalance';
    const timeoutMs = this.#roster.members.rebalanceTimeoutMs();
    if (initial) {
      // More members are likely to come: gather them, rather than rebalance for each.
      this.#delayLeftMs = Math.max(timeoutMs - this.#initialDelayMs, 0);
      this.#joinedDuringDelay = false;
      this.#joinDeadlineMs = this.#roster.wakeBy(nowMs + this.#initialDelayMs);
    } else if (this.#roster.members.allJoined()) {
      this.#complete(nowMs);
    } else {
      this.#joinDeadlineMs = this.#roster.wakeBy(nowMs + timeoutMs);
    }
  }

  completeIfAllJoined(nowMs: number): void {
    if (this.#state !== 'preparing-rebalance' || this.#delayLeftMs !== undefined) return;
    if (this.#roster.members.allJoined()) this.#complete(nowMs);
  }

  /** The member waits for its assignment; the leader brings everybody's. */
  awaitAssignment(event: SyncEvent, member: Member): void {
    if (member.syncRequest !== undefined) this.#roster.reject(member.syncRequest, 'rebalancing');
    member.syncRequest = event.requestId;
    this.synced(member.memberId);
    const leads = member.memberId === this.#roster.members.leaderId;
    if (!leads || this.#assignmentTicket !== undefined) return;
    const assignments = new Map(event.assignments.map((one) => [one.memberId, one.assignment]));
    this.#assignmentTicket = this.#roster.write({ kind: 'assignment', assignments });
  }

  synced(memberId: string): void {
    this.#unsynced.delete(memberId);
    if (this.#unsynced.size === 0) this.#syncDeadlineMs = NEVER;
  }

  /** A static member goes on under a new id: what it owes is owed by that. */
  renamed(oldId: string, newId: string): void {
    if (this.#unsynced.delete(oldId)) this.#unsynced.add(newId);
  }

  /** The leader's assignment is durable. Of no effect if a rebalance has overtaken it. */
  assigned(
    ticket: number,
    { assignments }: PendingWrite & { kind: 'assignment' },
    nowMs: number,
  ): void {
    if (ticket !== this.#assignmentTicket) return;
    this.#assignmentTicket = undefined;
    this.#state = 'stable';
    for (const member of this.#roster.members.all()) {
      member.assignment = assignments.get(member.memberId) ?? NO_ASSIGNMENT;
      const request = member.syncRequest;
      if (request !== undefined) this.#roster.answerSync(member, request, nowMs);
    }
  }

  assignmentFailed(ticket: number, code: GroupErrorCode, nowMs: number): void {
    if (ticket !== this.#assignmentTicket) return;
    this.#roster.rejectSyncs(code, nowMs);
    this.prepare(nowMs);
  }

  /** Does what has become due. */
  tick(nowMs: number): void {
    if (this.#joinDeadlineMs <= nowMs) this.#joinTimedOut(nowMs);
    if (this.#syncDeadlineMs <= nowMs) this.#syncTimedOut(nowMs);
  }

  #joinTimedOut(nowMs: number): void {
    const leftMs = this.#delayLeftMs ?? 0;
    const delayMs = Math.min(this.#initialDelayMs, leftMs);
    if (this.#joinedDuringDelay && delayMs > 0) {
      this.#joinedDuringDelay = false;
      this.#delayLeftMs = leftMs - delayMs;
      this.#joinDeadlineMs = this.#roster.wakeBy(nowMs + delayMs);
    } else {
      this.#complete(nowMs);
    }
  }

  #syncTimedOut(nowMs: number): void {
    this.#syncDeadlineMs = NEVER;
    if (this.#unsynced.size === 0) return;
    for (const memberId of this.#unsynced) this.#roster.drop(memberId, 'unknown-member');
    this.prepare(nowMs);
  }

  #complete(nowMs: number): void {
    const { members } = this.#roster;
    this.#joinDeadlineMs = NEVER;
    this.#delayLeftMs = undefined;
    for (const member of [...members.all()]) {
      if (member.joinRequest === undefined && member.instanceId === undefined) {
        members.remove(member.memberId);
      }
    }
    if (!this.#electLeader()) {
      // Only absent static members are left. Their sessions will run out, or one comes back.
      this.#joinDeadlineMs = this.#roster.wakeBy(nowMs + members.rebalanceTimeoutMs());
      return;
    }
    this.#roster.generation++;
    if (members.size === 0) this.#becomeEmpty();
    else this.#beginGeneration(nowMs);
  }

  /** Sees to it that the leader takes part. False if there are members, but none takes part. */
  #electLeader(): boolean {
    const { members } = this.#roster;
    if (members.size === 0) return true;
    if (members.get(members.leaderId)?.joinRequest !== undefined) return true;
    for (const member of members.all()) {
      if (member.joinRequest === undefined) continue;
      members.lead(member.memberId);
      return true;
    }
    return false;
  }

  #becomeEmpty(): void {
    this.#roster.protocolName = '';
    this.#state = 'empty';
    this.#roster.write({ kind: 'empty' });
  }

  #beginGeneration(nowMs: number): void {
    const members = [...this.#roster.members.all()];
    this.#roster.protocolName = electProtocol(members);
    this.#state = 'completing-rebalance';
    for (const member of members) {
      this.#unsynced.add(member.memberId);
      member.isNew = false;
      member.assignment = NO_ASSIGNMENT;
      const request = member.joinRequest;
      member.joinRequest = undefined;
      this.#roster.extend(member, nowMs);
      if (request !== undefined) this.#roster.answerJoin(member, request);
    }
    const timeoutMs = this.#roster.members.rebalanceTimeoutMs();
    this.#syncDeadlineMs = this.#roster.wakeBy(nowMs + timeoutMs);
  }
}
