/**
 * The state machine of one consumer group. It does no I/O, reads no clock and draws no random numbers: time
 * and fresh ids come in with each call, answers and things to write go out through `takeOutputs`. The
 * states are drawn in `group-rebalance.ts`; here stands what members may ask for, and what comes of it.
 *
 * Static members (KIP-345) are known by an instance id: a new process takes the old one's place without a
 * rebalance if the group is stable, and they are dropped by session timeout only.
 *
 * Deadlines are kept per member and looked at in `tick`. A heartbeat only moves one later, which costs nothing;
 * `wakeAtMs` never lies after the earliest of them.
 *
 * Invariants: the generation never goes down. A request is answered exactly once, if not aborted. Within
 * a generation there is one assignment, and it is handed out only after it is durable.
 */
import type {
  GroupOutput,
  GroupRecord,
  JoinEvent,
  PendingWrite,
  SyncEvent,
} from './group-events.ts';
import { type Member, metadataFor, NO_ASSIGNMENT, sameProtocols } from './group-member.ts';
import { Rebalance } from './group-rebalance.ts';
import { GroupRoster } from './group-roster.ts';
import {
  assignmentFits,
  type SubscribedStreams,
  subscriptionOf,
  subscriptionOfAll,
} from './group-subscription.ts';
import type {
  GroupDescription,
  GroupErrorCode,
  GroupState,
  LeaveOutcome,
  LeavingMember,
  MemberIdentity,
} from './groups.ts';
import { type AdmissionLimits, joinRefusal } from './join-admission.ts';
import type { MemberTable } from './member-table.ts';

export interface GroupRules extends AdmissionLimits {
  initialRebalanceDelayMs: number;
  newMemberTimeoutMs: number;
  /** A static member that comes back asking for other streams sets off a rebalance. */
  subscribedStreams: SubscribedStreams;
}

export class GroupMachine {
  readonly #rules: GroupRules;
  readonly #roster: GroupRoster = new GroupRoster();
  readonly #members: MemberTable = this.#roster.members;
  readonly #rebalance: Rebalance;

  constructor(rules: GroupRules) {
    this.#rules = rules;
    this.#rebalance = new Rebalance(this.#roster, rules.initialRebalanceDelayMs);
  }

  get state(): GroupState {
    return this.#rebalance.state;
  }

  get generation(): number {
    return this.#roster.generation;
  }

  get protocolType(): string {
    return this.#roster.protocolType;
  }

  get memberCount(): number {
    return this.#members.size;
  }

  /** Ids that were given out and not used yet. */
  get pendingCount(): number {
    return this.#members.pending.size;
  }

  /** `tick` must be called at this time at the latest; infinite if never. */
  get wakeAtMs(): number {
    return this.#roster.wakeAtMs;
  }

  /** What the calls since the last time want done, in order. */
  takeOutputs(): GroupOutput[] {
    return this.#roster.takeOutputs();
  }

  /** Takes up where the journal left off. Members get their whole session timeout to show up. */
  restore(record: GroupRecord, nowMs: number): void {
    this.#roster.restore(record, nowMs);
    this.#rebalance.restored();
  }

  join(event: JoinEvent, nowMs: number): void {
    const unfit = joinRefusal(this.#roster, this.state, event, this.#rules);
    if (unfit !== undefined) {
      this.#roster.reject(event.requestId, unfit);
      if (unfit === 'group-full') this.#dropSurplus(event.memberId, nowMs);
    } else if (event.memberId === '') {
      this.#joinFirst(event, nowMs);
    } else if (this.#members.pending.has(event.memberId) && event.instanceId === undefined) {
      this.#addMember(event, event.memberId, nowMs);
    } else {
      const refusal = this.#members.refusal(event.memberId, event.instanceId);
      if (refusal) this.#roster.reject(event.requestId, refusal);
      else this.#joinAgain(event, this.#members.get(event.memberId)!, nowMs);
    }
  }

  sync(event: SyncEvent, nowMs: number): void {
    const refusal = this.#syncRefusal(event);
    const member = this.#members.get(event.memberId);
    if (refusal !== undefined || member === undefined) {
      this.#roster.reject(event.requestId, refusal ?? 'unknown-member');
    } else if (this.state === 'completing-rebalance') {
      this.#rebalance.awaitAssignment(event, member);
    } else {
      this.#rebalance.synced(member.memberId);
      this.#roster.answerSync(member, event.requestId, nowMs);
    }
  }

  /** Keeps the member alive. The code says why not, or `rebalancing`: alive, and to join again. */
  heartbeat(identity: Omit<MemberIdentity, 'groupId'>, nowMs: number): GroupErrorCode | undefined {
    const refusal = this.#refusal(identity);
    if (refusal) return refusal;
    this.#roster.extend(this.#members.get(identity.memberId)!, nowMs);
    return this.state === 'preparing-rebalance' ? 'rebalancing' : undefined;
  }

  /** Whether this member may commit offsets now; if so its session goes on. */
  checkCommit(
    identity: Omit<MemberIdentity, 'groupId'> | undefined,
    nowMs: number,
  ): GroupErrorCode | undefined {
    if (identity === undefined || identity.generation < 0) {
      if (this.state === 'empty') return undefined;
      if (!identity?.memberId && identity?.instanceId === undefined) return 'unknown-member';
    }
    const refusal = this.#refusal(identity);
    if (refusal) return refusal;
    // The member has its new generation but no assignment yet: it cannot own what it commits.
    if (this.state === 'completing-rebalance') return 'rebalancing';
    this.#roster.extend(this.#members.get(identity.memberId)!, nowMs);
    return undefined;
  }

  leave(leaving: readonly LeavingMember[], nowMs: number): LeaveOutcome[] {
    const countBefore = this.#members.size;
    const outcomes = leaving.map((who) => ({ ...who, error: this.#leaveOne(who) }));
    if (this.#members.size < countBefore) this.#rebalance.left(nowMs);
    else this.#rebalance.completeIfAllJoined(nowMs);
    return outcomes;
  }

  /** The connection on which this request waits has gone: it will not be answered. */
  abort(requestId: number, nowMs: number): void {
    for (const member of this.#members.all()) {
      if (member.syncRequest === requestId) member.syncRequest = undefined;
      else if (member.joinRequest === requestId) member.joinRequest = undefined;
      else continue;
      if (member.isNew && !member.knowsId && member.instanceId === undefined) {
        // It was never told its id, so it can only come back as another member.
        this.#members.remove(member.memberId);
        this.#rebalance.left(nowMs);
      } else {
        this.#roster.extend(member, nowMs);
      }
      return;
    }
  }

  /** Does what has become due by `nowMs`. */
  tick(nowMs: number): void {
    for (const [memberId, deadlineMs] of this.#members.pending) {
      if (deadlineMs <= nowMs) this.#members.pending.delete(memberId);
    }
    this.#rebalance.completeIfAllJoined(nowMs);
    for (const member of [...this.#members.all()]) {
      if (member.deadlineMs <= nowMs) this.#expire(member, nowMs);
    }
    this.#rebalance.tick(nowMs);
    const earliestMs = this.#roster.earliestDeadlineMs();
    this.#roster.wakeAtMs = Math.min(earliestMs, this.#rebalance.deadlineMs);
  }

  /** What `write` asked for is durable. */
  written(ticket: number, nowMs: number): void {
    const write = this.#roster.takeWrite(ticket);
    if (write?.kind === 'assignment') this.#rebalance.assigned(ticket, write, nowMs);
    if (write?.kind === 'return') this.#answerReturn(write, nowMs);
  }

  /** What `write` asked for could not be made durable. */
  writeFailed(ticket: number, code: GroupErrorCode, nowMs: number): void {
    const write = this.#roster.takeWrite(ticket);
    if (write?.kind === 'assignment') this.#rebalance.assignmentFailed(ticket, code, nowMs);
    if (write?.kind === 'return') {
      const member = this.#members.get(write.memberId);
      if (member?.joinRequest !== write.requestId) return;
      member.joinRequest = undefined;
      this.#roster.reject(write.requestId, code);
    }
  }

  /** Ends the group: all who wait are answered with `code`, and nothing is due any more. */
  die(code: GroupErrorCode): void {
    for (const member of this.#members.all()) this.#roster.rejectWaits(member, code);
    this.#rebalance.die();
    this.#roster.forgetWrites();
    this.#roster.wakeAtMs = Number.POSITIVE_INFINITY;
  }

  describe(groupId: string): GroupDescription {
    const { state } = this;
    const { protocolType, generation } = this.#roster;
    // What members say of themselves depends on the protocol, which is settled in a stable group only.
    const protocolName = state === 'stable' ? this.#roster.protocolName : '';
    const members = [...this.#members.all()].map((member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      metadata: metadataFor(member, protocolName),
      assignment: member.assignment,
    }));
    return { groupId, protocolType, state, generation, protocolName, members };
  }

  /** The streams that the members ask for; `undefined` if that cannot be told of one of them. */
  subscribedStreams(): Set<string> | undefined {
    return subscriptionOfAll(this.#roster, this.#rules.subscribedStreams);
  }

  #refusal(identity: Omit<MemberIdentity, 'groupId'>): GroupErrorCode | undefined {
    const refusal = this.#members.refusal(identity.memberId, identity.instanceId);
    if (refusal) return refusal;
    return identity.generation === this.generation ? undefined : 'stale-generation';
  }

  #syncRefusal(event: SyncEvent): GroupErrorCode | undefined {
    const refusal = this.#refusal(event);
    if (refusal) return refusal;
    const { protocolType, protocolName } = this.#roster;
    if (
      (event.protocolType ?? protocolType) !== protocolType ||
      (event.protocolName ?? protocolName) !== protocolName
    ) {
      return 'inconsistent-protocol';
    }
    if (this.state === 'preparing-rebalance') return 'rebalancing';
    return assignmentBytes(event) > this.#rules.memberBytesMax ? 'limit-reached' : undefined;
  }

  #joinFirst(event: JoinEvent, nowMs: number): void {
    const { instanceId, newMemberId } = event;
    const oldId = instanceId === undefined ? undefined : this.#members.idOfInstance(instanceId);
    if (oldId !== undefined) {
      this.#returnStatic(event, oldId, nowMs);
    } else if (instanceId === undefined && event.memberIdRequired) {
      // KIP-394: nobody becomes a member who could not be found again after a lost answer.
      const deadlineMs = this.#roster.wakeBy(nowMs + event.sessionTimeoutMs);
      this.#members.pending.set(newMemberId, deadlineMs);
      this.#roster.reject(event.requestId, 'member-id-required', newMemberId);
    } else {
      this.#addMember(event, newMemberId, nowMs);
    }
  }

  #addMember(event: JoinEvent, memberId: string, nowMs: number): void {
    if (this.#members.size === 0) this.#roster.protocolType = event.protocolType;
    this.#members.add({
      memberId,
      instanceId: event.instanceId,
      clientId: event.clientId,
      clientHost: event.clientHost,
      sessionTimeoutMs: event.sessionTimeoutMs,
      rebalanceTimeoutMs: event.rebalanceTimeoutMs,
      protocols: event.protocols,
      assignment: NO_ASSIGNMENT,
      isNew: true,
      knowsId: event.memberId !== '',
      joinRequest: event.requestId,
      syncRequest: undefined,
      deadlineMs: this.#roster.wakeBy(nowMs + this.#rules.newMemberTimeoutMs),
    });
    this.#rebalance.joined(nowMs);
  }

  #joinAgain(event: JoinEvent, member: Member, nowMs: number): void {
    const unchanged = sameProtocols(member.protocols, event.protocols);
    // A leader that joins wants to assign anew, for reasons that its metadata need not show.
    const wantsNothingNew =
      this.state === 'completing-rebalance' ||
      (this.state === 'stable' && member.memberId !== this.#members.leaderId);
    if (unchanged && wantsNothingNew) {
      // Probably the answer to its last join was lost.
      this.#roster.extend(member, nowMs);
      this.#roster.answerJoin(member, event.requestId);
    } else {
      this.#update(member, event);
      this.#rebalance.joined(nowMs);
    }
  }

  #update(member: Member, event: JoinEvent): void {
    this.#members.speaks(member, event.protocols);
    member.sessionTimeoutMs = event.sessionTimeoutMs;
    member.rebalanceTimeoutMs = event.rebalanceTimeoutMs;
    const replaced = member.joinRequest;
    member.joinRequest = event.requestId;
    if (replaced !== undefined) this.#roster.reject(replaced, 'rebalancing');
  }

  /** The process behind an instance id was started again. */
  #returnStatic(event: JoinEvent, oldId: string, nowMs: number): void {
    const { subscribedStreams } = this.#rules;
    const formerLeaderId = this.#members.leaderId;
    const before = this.#members.get(oldId)!;
    const subscribedBefore = subscriptionOf(this.#roster, before, subscribedStreams);
    this.#roster.rejectWaits(before, 'fenced-instance');
    const member = this.#members.rename(oldId, event.newMemberId)!;
    member.clientId = event.clientId;
    member.clientHost = event.clientHost;
    this.#update(member, event);
    this.#roster.extend(member, nowMs);

    const subscribed = subscriptionOf(this.#roster, member, subscribedStreams);
    if (this.state === 'preparing-rebalance') {
      this.#rebalance.completeIfAllJoined(nowMs);
    } else if (this.state === 'completing-rebalance') {
      // The leader may be assigning to the old id already.
      this.#rebalance.prepare(nowMs);
    } else if (!assignmentFits(this.#roster, subscribedBefore, subscribed)) {
      this.#rebalance.prepare(nowMs);
    } else {
      this.#rebalance.renamed(oldId, member.memberId);
      const { memberId } = member;
      const { requestId, canSkipAssignment: skip = false } = event;
      // A leader that cannot be told to skip the assignment is told that its former self leads.
      const leaderId = skip ? this.#members.leaderId : formerLeaderId;
      this.#roster.write({ kind: 'return', memberId, requestId, leaderId, skip });
    }
  }

  #answerReturn(write: PendingWrite & { kind: 'return' }, nowMs: number): void {
    const member = this.#members.get(write.memberId);
    // If a rebalance has begun meanwhile, the join waits for it like any other.
    if (member?.joinRequest !== write.requestId || this.state !== 'stable') return;
    member.joinRequest = undefined;
    member.isNew = false;
    this.#roster.extend(member, nowMs);
    const skipAssignment = write.skip && member.memberId === this.#members.leaderId;
    const { leaderId } = write;
    this.#roster.answerJoin(member, write.requestId, { leaderId, skipAssignment });
  }

  #leaveOne({ memberId, instanceId }: LeavingMember): GroupErrorCode | undefined {
    if (this.#members.pending.delete(memberId)) return undefined;
    // An administrator names only the instance.
    const id =
      memberId === '' && instanceId !== undefined
        ? (this.#members.idOfInstance(instanceId) ?? '')
        : memberId;
    const refusal = this.#members.refusal(id, instanceId);
    if (refusal === undefined) this.#roster.drop(id, 'unknown-member');
    return refusal;
  }

  #expire(member: Member, nowMs: number): void {
    if (this.#members.get(member.memberId) !== member || member.deadlineMs > nowMs) return;
    if (!member.isNew && (member.joinRequest ?? member.syncRequest) !== undefined) {
      // Who waits for us is alive; the answer starts a new session.
      member.deadlineMs = Number.POSITIVE_INFINITY;
      return;
    }
    this.#roster.drop(member.memberId, 'unknown-member');
    this.#rebalance.left(nowMs);
  }

  #dropSurplus(memberId: string, nowMs: number): void {
    this.#roster.drop(memberId, 'group-full');
    this.#rebalance.completeIfAllJoined(nowMs);
  }
}

function assignmentBytes(event: SyncEvent): number {
  return event.assignments.reduce(
    (sum, one) => sum + one.memberId.length + one.assignment.length,
    0,
  );
}
