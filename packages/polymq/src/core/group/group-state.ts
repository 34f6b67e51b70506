/**
 * The state machine of one consumer group. It does no I/O, reads no clock and draws no random numbers: time
 * and fresh ids come in with each call, answers and things to write go out through `takeOutputs`.
 *
 *                 first join                   all joined, or the rebalance timed out
 *   ┌────────► empty ──────► preparing-rebalance ─────────────► completing-rebalance
 *   │                            ▲  ▲  │                                   │  │
 *   │ nobody joined              │  │  │      join, leave, or expiry       │  │ the leader's assignment
 *   └────────────────────────────┼──┼──┘ ◄─────────────────────────────────┘  ▼ is durable
 *                                │  └──────────────────────────────────── stable
 *                                │     leader joins, metadata changes, leave, expiry
 *   any ──► dead (the group was deleted, or the broker stops)
 *
 * A rebalance goes like this. Members join and wait; those that are there learn of it by their heartbeats. When
 * all have joined, or the longest rebalance timeout of theirs is over, dynamic members that did not join
 * are dropped, the generation goes up by one and all joins are answered, the leader's with the list of members.
 * Each member then syncs and waits; the leader's sync carries everybody's assignment, which is
 * written to the journal before the syncs are answered.
 *
 * Static members (KIP-345) are known by an instance id: a new process takes the old one's place
 * without a rebalance if the group is stable, and they are dropped by session timeout only.
 *
 * Deadlines are kept per member and looked at in `tick`; a heartbeat only moves one later, which costs nothing.
 * `wakeAtMs` never lies after the earliest of them.
 *
 * Invariants: the generation never goes down. A request is answered exactly once. Within a generation an
 * assignment is handed out at most once, and only after it is durable.
 */
import type {
  GroupOutput,
  GroupRecord,
  JoinEvent,
  PendingWrite,
  SyncEvent,
} from './group-events.ts';
import {
  electProtocol,
  type Member,
  metadataFor,
  NO_ASSIGNMENT,
  recordOfMember,
  sameProtocols,
  sharesProtocol,
} from './group-member.ts';
import type {
  GroupDescription,
  GroupErrorCode,
  GroupState,
  Joined,
  LeaveOutcome,
  LeavingMember,
  MemberIdentity,
} from './groups.ts';
import { MemberTable } from './member-table.ts';

export interface GroupRules {
  membersMax: number;
  initialRebalanceDelayMs: number;
  newMemberTimeoutMs: number;
  /**
   * The streams that a member's metadata asks for, `undefined` if that cannot be told. A static member that comes
   * back asking for others sets off a rebalance.
   */
  subscribedStreams: (protocolType: string, metadata: Buffer) => string[] | undefined;
}

export class GroupMachine {
  readonly #rules: GroupRules;
  readonly #members = new MemberTable();
  /** Members that have not synced in this generation. */
  readonly #unsynced = new Set<string>();
  readonly #writes = new Map<number, PendingWrite>();
  #outputs: GroupOutput[] = [];
  #state: GroupState = 'empty';
  #generation = 0;
  #protocolType = '';
  #protocolName = '';
  #joinDeadlineMs = Number.POSITIVE_INFINITY;
  #syncDeadlineMs = Number.POSITIVE_INFINITY;
  /** Set during the first rebalance of an empty group: how long it may still be put off. */
  #delayLeftMs: number | undefined;
  #joinedDuringDelay = false;
  #nextTicket = 1;
  /** The write that turns this generation stable, while it is under way. */
  #assignmentTicket: number | undefined;
  #wakeAtMs = Number.POSITIVE_INFINITY;

  constructor(rules: GroupRules) {
    this.#rules = rules;
  }

  get state(): GroupState {
    return this.#state;
  }

  get generation(): number {
    return this.#generation;
  }

  get protocolType(): string {
    return this.#protocolType;
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
    return this.#wakeAtMs;
  }

  /** What the calls since the last time want done, in order. */
  takeOutputs(): GroupOutput[] {
    const outputs = this.#outputs;
    if (outputs.length > 0) this.#outputs = [];
    return outputs;
  }

  /** Takes up where the journal left off. Members get their whole session timeout to show up. */
  restore(record: GroupRecord, nowMs: number): void {
    this.#generation = record.generation;
    this.#protocolType = record.protocolType;
    this.#protocolName = record.protocolName;
    for (const member of record.members) {
      const deadlineMs = this.#wakeBy(nowMs + member.sessionTimeoutMs);
      const waiting = { joinRequest: undefined, syncRequest: undefined };
      this.#members.add({ ...member, ...waiting, isNew: false, knowsId: true, deadlineMs });
    }
    this.#members.lead(record.leaderId);
    this.#state = record.members.length > 0 ? 'stable' : 'empty';
  }

  join(event: JoinEvent, nowMs: number): void {
    if (!this.#admits(event.memberId)) {
      this.#drop(event.memberId, 'group-full');
      this.#reject(event.requestId, 'group-full');
      this.#completeJoinIfAll(nowMs);
    } else if (!this.#agrees(event)) {
      this.#reject(event.requestId, 'inconsistent-protocol');
    } else if (event.memberId === '') {
      this.#joinFirst(event, nowMs);
    } else if (this.#members.pending.has(event.memberId) && event.instanceId === undefined) {
      this.#addMember(event, event.memberId, nowMs);
    } else {
      const refusal = this.#members.refusal(event.memberId, event.instanceId);
      if (refusal) this.#reject(event.requestId, refusal);
      else this.#joinAgain(event, this.#members.get(event.memberId)!, nowMs);
    }
  }

  sync(event: SyncEvent, nowMs: number): void {
    const refusal = this.#members.refusal(event.memberId, event.instanceId);
    const member = this.#members.get(event.memberId);
    if (refusal || member === undefined) {
      this.#reject(event.requestId, refusal ?? 'unknown-member');
    } else if (event.generation !== this.#generation) {
      this.#reject(event.requestId, 'stale-generation');
    } else if (
      (event.protocolType ?? this.#protocolType) !== this.#protocolType ||
      (event.protocolName ?? this.#protocolName) !== this.#protocolName
    ) {
      this.#reject(event.requestId, 'inconsistent-protocol');
    } else if (this.#state === 'completing-rebalance') {
      this.#awaitAssignment(event, member);
    } else if (this.#state === 'stable') {
      this.#hasSynced(member.memberId);
      this.#answerSync(member, event.requestId, nowMs);
    } else {
      this.#reject(event.requestId, 'rebalancing');
    }
  }

  /** Keeps the member alive. The code says why not, or `rebalancing`: alive, and to join again. */
  heartbeat(identity: Omit<MemberIdentity, 'groupId'>, nowMs: number): GroupErrorCode | undefined {
    const refusal = this.#members.refusal(identity.memberId, identity.instanceId);
    if (refusal) return refusal;
    if (identity.generation !== this.#generation) return 'stale-generation';
    this.#extend(this.#members.get(identity.memberId)!, nowMs);
    return this.#state === 'preparing-rebalance' ? 'rebalancing' : undefined;
  }

  /** Whether this member may commit offsets now; if so its session goes on. */
  checkCommit(
    identity: Omit<MemberIdentity, 'groupId'> | undefined,
    nowMs: number,
  ): GroupErrorCode | undefined {
    const { memberId, generation, instanceId } = identity ?? { memberId: '', generation: -1 };
    if (generation < 0 && this.#state === 'empty') return undefined;
    if (generation < 0 && memberId === '' && instanceId === undefined) return 'unknown-member';
    const refusal = this.#members.refusal(memberId, instanceId);
    if (refusal) return refusal;
    if (generation !== this.#generation) return 'stale-generation';
    // The member has its new generation but no assignment yet: it cannot own what it commits.
    if (this.#state === 'completing-rebalance') return 'rebalancing';
    this.#extend(this.#members.get(memberId)!, nowMs);
    return undefined;
  }

  leave(leaving: readonly LeavingMember[], nowMs: number): LeaveOutcome[] {
    let someLeft = false;
    const outcomes = leaving.map((who) => {
      const error = this.#leaveOne(who);
      if (error === undefined) someLeft = true;
      return { ...who, error };
    });
    if (someLeft) this.#afterRemoval(nowMs);
    return outcomes;
  }

  /** The connection on which this request waits has gone: it will not be answered. */
  abort(requestId: number, nowMs: number): void {
    for (const member of this.#members.all()) {
      if (member.syncRequest === requestId) {
        member.syncRequest = undefined;
        this.#extend(member, nowMs);
      } else if (member.joinRequest === requestId) {
        member.joinRequest = undefined;
        if (member.isNew && !member.knowsId && member.instanceId === undefined) {
          // It was never told its id, so it can only come back as another member.
          this.#members.remove(member.memberId);
          this.#afterRemoval(nowMs);
        } else {
          this.#extend(member, nowMs);
        }
      } else {
        continue;
      }
      return;
    }
  }

  /** Does what has become due by `nowMs`. */
  tick(nowMs: number): void {
    for (const [memberId, deadlineMs] of this.#members.pending) {
      if (deadlineMs > nowMs) continue;
      this.#members.remove(memberId);
      if (this.#state === 'preparing-rebalance') this.#afterRemoval(nowMs);
    }
    for (const member of [...this.#members.all()]) {
      if (member.deadlineMs <= nowMs) this.#expire(member, nowMs);
    }
    if (this.#joinDeadlineMs <= nowMs) this.#joinTimedOut(nowMs);
    if (this.#syncDeadlineMs <= nowMs) this.#syncTimedOut(nowMs);
    this.#wakeAtMs = this.#earliestDeadline();
  }

  /** What `write` asked for is durable. */
  written(ticket: number, nowMs: number): void {
    const write = this.#takeWrite(ticket);
    if (write?.kind === 'assignment') this.#becomeStable(write.assignments, nowMs);
    if (write?.kind === 'return') this.#answerReturn(write, nowMs);
  }

  /** What `write` asked for could not be made durable. */
  writeFailed(ticket: number, code: GroupErrorCode, nowMs: number): void {
    const write = this.#takeWrite(ticket);
    if (write?.kind === 'assignment') {
      this.#rejectSyncs(code, nowMs);
      this.#prepareRebalance(nowMs);
    } else if (write?.kind === 'return') {
      const member = this.#members.get(write.memberId);
      if (member?.joinRequest !== write.requestId) return;
      member.joinRequest = undefined;
      this.#reject(write.requestId, code);
    }
  }

  /** Ends the group: all who wait are answered with `code`, and nothing is due any more. */
  die(code: GroupErrorCode): void {
    for (const member of this.#members.all()) {
      this.#rejectWaits(member, code);
    }
    this.#state = 'dead';
    this.#writes.clear();
    this.#assignmentTicket = undefined;
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
  }

  describe(groupId: string): GroupDescription {
    const stable = this.#state === 'stable';
    const members = [...this.#members.all()].map((member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      metadata: stable ? metadataFor(member, this.#protocolName) : NO_ASSIGNMENT,
      assignment: member.assignment,
    }));
    return {
      groupId,
      protocolType: this.#protocolType,
      state: this.#state,
      generation: this.#generation,
      protocolName: stable ? this.#protocolName : '',
      members,
    };
  }

  /** The streams that the members ask for; `undefined` if that cannot be told of one of them. */
  subscribedStreams(): Set<string> | undefined {
    const streams = new Set<string>();
    for (const member of this.#members.all()) {
      const subscribed = this.#subscriptionOf(member);
      if (subscribed === undefined) return undefined;
      for (const stream of subscribed) streams.add(stream);
    }
    return streams;
  }

  // Joining.

  /**
   * Whether there is room. While a rebalance is being prepared those that wait count, so that a group that is
   * too large (the limit was lowered) loses the members that join last.
   */
  #admits(memberId: string): boolean {
    const { membersMax } = this.#rules;
    const member = this.#members.get(memberId);
    switch (this.#state) {
      case 'preparing-rebalance':
        if (member?.joinRequest !== undefined) return true;
        return this.#members.joiningCount() < membersMax && this.#pendingFits(memberId);
      case 'completing-rebalance':
      case 'stable':
        if (member !== undefined) return true;
        return this.#members.size < membersMax && this.#pendingFits(memberId);
      default:
        return this.#pendingFits(memberId);
    }
  }

  #pendingFits(memberId: string): boolean {
    return memberId !== '' || this.#members.pending.size < this.#rules.membersMax;
  }

  #agrees(event: JoinEvent): boolean {
    if (event.protocolType === '' || event.protocols.length === 0) return false;
    if (this.#state === 'empty') return true;
    return (
      event.protocolType === this.#protocolType &&
      sharesProtocol(this.#members.all(), event.protocols)
    );
  }

  #joinFirst(event: JoinEvent, nowMs: number): void {
    const { instanceId, newMemberId } = event;
    const oldId = instanceId === undefined ? undefined : this.#members.idOfInstance(instanceId);
    if (oldId !== undefined) {
      this.#returnStatic(event, oldId, nowMs);
    } else if (instanceId === undefined && event.memberIdRequired) {
      // KIP-394: nobody becomes a member who could not be found again after a lost answer.
      this.#members.pending.set(newMemberId, this.#wakeBy(nowMs + event.sessionTimeoutMs));
      this.#reject(event.requestId, 'member-id-required', newMemberId);
    } else {
      this.#addMember(event, newMemberId, nowMs);
    }
  }

  #addMember(event: JoinEvent, memberId: string, nowMs: number): void {
    if (this.#members.size === 0) this.#protocolType = event.protocolType;
    if (this.#delayLeftMs !== undefined) this.#joinedDuringDelay = true;
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
      deadlineMs: this.#wakeBy(nowMs + this.#rules.newMemberTimeoutMs),
    });
    this.#rebalanceOrComplete(nowMs);
  }

  #joinAgain(event: JoinEvent, member: Member, nowMs: number): void {
    const unchanged = sameProtocols(member.protocols, event.protocols);
    const leads = member.memberId === this.#members.leaderId;
    if (this.#state === 'completing-rebalance' && unchanged) {
      // The answer to its first join was probably lost.
      this.#extend(member, nowMs);
      this.#answerJoin(member, event.requestId);
    } else if (this.#state === 'stable' && unchanged && !leads) {
      this.#extend(member, nowMs);
      this.#answerJoin(member, event.requestId);
    } else {
      // A leader that joins wants to assign anew, for reasons that its metadata need not show.
      this.#update(member, event);
      this.#rebalanceOrComplete(nowMs);
    }
  }

  #update(member: Member, event: JoinEvent): void {
    member.protocols = event.protocols;
    member.sessionTimeoutMs = event.sessionTimeoutMs;
    member.rebalanceTimeoutMs = event.rebalanceTimeoutMs;
    const replaced = member.joinRequest;
    member.joinRequest = event.requestId;
    if (replaced !== undefined) this.#reject(replaced, 'rebalancing');
  }

  /** The process behind an instance id was started again. */
  #returnStatic(event: JoinEvent, oldId: string, nowMs: number): void {
    const leaderId = this.#members.leaderId;
    const before = this.#members.get(oldId)!;
    const subscribedBefore = this.#subscriptionOf(before);
    this.#rejectWaits(before, 'fenced-instance');
    if (this.#unsynced.delete(oldId)) this.#unsynced.add(event.newMemberId);
    const member = this.#members.rename(oldId, event.newMemberId)!;
    member.clientId = event.clientId;
    member.clientHost = event.clientHost;
    this.#update(member, event);
    this.#extend(member, nowMs);

    if (this.#state === 'completing-rebalance') {
      // The leader may be assigning to the old id already.
      this.#prepareRebalance(nowMs);
    } else if (this.#state === 'preparing-rebalance') {
      this.#completeJoinIfAll(nowMs);
    } else if (this.#changesAssignment(member, subscribedBefore)) {
      this.#prepareRebalance(nowMs);
    } else {
      const skip = event.canSkipAssignment === true;
      this.#write({
        kind: 'return',
        memberId: member.memberId,
        requestId: event.requestId,
        // A leader that cannot be told to skip the assignment is told that its former self leads.
        leaderId: skip ? this.#members.leaderId : leaderId,
        skip,
      });
    }
  }

  #changesAssignment(member: Member, subscribedBefore: string[] | undefined): boolean {
    if (electProtocol([...this.#members.all()]) !== this.#protocolName) return true;
    const subscribed = this.#subscriptionOf(member);
    if (subscribed === undefined || subscribedBefore === undefined) return false;
    const before = new Set(subscribedBefore);
    return before.size !== new Set(subscribed).size || subscribed.some((name) => !before.has(name));
  }

  #subscriptionOf(member: Member): string[] | undefined {
    const metadata = this.#protocolName
      ? metadataFor(member, this.#protocolName)
      : (member.protocols[0]?.metadata ?? NO_ASSIGNMENT);
    return this.#rules.subscribedStreams(this.#protocolType, metadata);
  }

  #answerReturn(write: PendingWrite & { kind: 'return' }, nowMs: number): void {
    const member = this.#members.get(write.memberId);
    // If a rebalance has begun meanwhile, the join waits for it like any other.
    if (member?.joinRequest !== write.requestId || this.#state !== 'stable') return;
    member.joinRequest = undefined;
    member.isNew = false;
    this.#extend(member, nowMs);
    const leads = write.skip && member.memberId === this.#members.leaderId;
    this.#answerJoin(member, write.requestId, { leaderId: write.leaderId, skipAssignment: leads });
  }

  // The rebalance.

  #rebalanceOrComplete(nowMs: number): void {
    if (this.#state === 'preparing-rebalance') this.#completeJoinIfAll(nowMs);
    else this.#prepareRebalance(nowMs);
  }

  #prepareRebalance(nowMs: number): void {
    if (this.#state === 'completing-rebalance') this.#rejectSyncs('rebalancing', nowMs);
    this.#assignmentTicket = undefined;
    this.#unsynced.clear();
    this.#syncDeadlineMs = Number.POSITIVE_INFINITY;
    const initial = this.#state === 'empty';
    this.#state = 'preparing-rebalance';
    if (initial) {
      // More members are likely to come: gather them, rather than rebalance for each.
      const delayMs = this.#rules.initialRebalanceDelayMs;
      this.#delayLeftMs = Math.max(this.#members.rebalanceTimeoutMs() - delayMs, 0);
      this.#joinedDuringDelay = false;
      this.#joinDeadlineMs = this.#wakeBy(nowMs + delayMs);
    } else if (this.#members.allJoined()) {
      this.#completeJoin(nowMs);
    } else {
      this.#joinDeadlineMs = this.#wakeBy(nowMs + this.#members.rebalanceTimeoutMs());
    }
  }

  #completeJoinIfAll(nowMs: number): void {
    if (this.#state !== 'preparing-rebalance' || this.#delayLeftMs !== undefined) return;
    if (this.#members.allJoined()) this.#completeJoin(nowMs);
  }

  #joinTimedOut(nowMs: number): void {
    const leftMs = this.#delayLeftMs ?? 0;
    const delayMs = Math.min(this.#rules.initialRebalanceDelayMs, leftMs);
    if (this.#joinedDuringDelay && delayMs > 0) {
      this.#joinedDuringDelay = false;
      this.#delayLeftMs = leftMs - delayMs;
      this.#joinDeadlineMs = this.#wakeBy(nowMs + delayMs);
    } else {
      this.#completeJoin(nowMs);
    }
  }

  #completeJoin(nowMs: number): void {
    this.#joinDeadlineMs = Number.POSITIVE_INFINITY;
    this.#delayLeftMs = undefined;
    for (const member of [...this.#members.all()]) {
      if (member.joinRequest === undefined && member.instanceId === undefined) {
        this.#members.remove(member.memberId);
      }
    }
    if (!this.#electLeader()) {
      // Only absent static members are left. Their sessions will run out, or one comes back.
      this.#joinDeadlineMs = this.#wakeBy(nowMs + this.#members.rebalanceTimeoutMs());
      return;
    }
    this.#generation++;
    if (this.#members.size === 0) this.#becomeEmpty();
    else this.#beginGeneration(nowMs);
  }

  /** Sees to it that the leader takes part. False if there are members, but none takes part. */
  #electLeader(): boolean {
    if (this.#members.size === 0) return true;
    if (this.#members.get(this.#members.leaderId)?.joinRequest !== undefined) return true;
    for (const member of this.#members.all()) {
      if (member.joinRequest === undefined) continue;
      this.#members.lead(member.memberId);
      return true;
    }
    return false;
  }

  #becomeEmpty(): void {
    this.#protocolName = '';
    this.#state = 'empty';
    this.#write({ kind: 'empty' });
  }

  #beginGeneration(nowMs: number): void {
    this.#protocolName = electProtocol([...this.#members.all()]);
    this.#state = 'completing-rebalance';
    for (const member of this.#members.all()) {
      this.#unsynced.add(member.memberId);
      member.isNew = false;
      member.assignment = NO_ASSIGNMENT;
      const request = member.joinRequest;
      member.joinRequest = undefined;
      this.#extend(member, nowMs);
      if (request !== undefined) this.#answerJoin(member, request);
    }
    this.#syncDeadlineMs = this.#wakeBy(nowMs + this.#members.rebalanceTimeoutMs());
  }

  #awaitAssignment(event: SyncEvent, member: Member): void {
    if (member.syncRequest !== undefined) this.#reject(member.syncRequest, 'rebalancing');
    member.syncRequest = event.requestId;
    this.#hasSynced(member.memberId);
    if (member.memberId !== this.#members.leaderId || this.#assignmentTicket !== undefined) return;
    const assignments = new Map(event.assignments.map((one) => [one.memberId, one.assignment]));
    this.#assignmentTicket = this.#write({ kind: 'assignment', assignments });
  }

  #hasSynced(memberId: string): void {
    this.#unsynced.delete(memberId);
    if (this.#unsynced.size === 0) this.#syncDeadlineMs = Number.POSITIVE_INFINITY;
  }

  #becomeStable(assignments: ReadonlyMap<string, Buffer>, nowMs: number): void {
    this.#state = 'stable';
    for (const member of this.#members.all()) {
      member.assignment = assignments.get(member.memberId) ?? NO_ASSIGNMENT;
      if (member.syncRequest !== undefined) this.#answerSync(member, member.syncRequest, nowMs);
    }
  }

  #syncTimedOut(nowMs: number): void {
    this.#syncDeadlineMs = Number.POSITIVE_INFINITY;
    if (this.#unsynced.size === 0) return;
    for (const memberId of [...this.#unsynced]) this.#drop(memberId, 'unknown-member');
    this.#prepareRebalance(nowMs);
  }

  // Leaving.

  #leaveOne({ memberId, instanceId }: LeavingMember): GroupErrorCode | undefined {
    if (this.#members.pending.delete(memberId)) return undefined;
    // An administrator names only the instance.
    const id =
      memberId === '' && instanceId !== undefined
        ? (this.#members.idOfInstance(instanceId) ?? '')
        : memberId;
    const refusal = this.#members.refusal(id, instanceId);
    if (refusal === undefined) this.#drop(id, 'unknown-member');
    return refusal;
  }

  #expire(member: Member, nowMs: number): void {
    if (this.#members.get(member.memberId) !== member || member.deadlineMs > nowMs) return;
    if (!member.isNew && (member.joinRequest ?? member.syncRequest) !== undefined) {
      // Who waits for us is alive; the answer starts a new session.
      member.deadlineMs = Number.POSITIVE_INFINITY;
      return;
    }
    this.#drop(member.memberId, 'unknown-member');
    this.#afterRemoval(nowMs);
  }

  #drop(memberId: string, code: GroupErrorCode): void {
    const member = this.#members.remove(memberId);
    if (member !== undefined) this.#rejectWaits(member, code);
    this.#unsynced.delete(memberId);
  }

  #afterRemoval(nowMs: number): void {
    if (this.#state === 'stable' || this.#state === 'completing-rebalance') {
      this.#prepareRebalance(nowMs);
    } else {
      this.#completeJoinIfAll(nowMs);
    }
  }

  // Answers, deadlines and writes.

  #answerJoin(member: Member, requestId: number, different: Partial<Joined> = {}): void {
    const leaderId = different.leaderId ?? this.#members.leaderId;
    const members = member.memberId === leaderId ? [...this.#members.all()] : [];
    const joined: Joined = {
      generation: this.#generation,
      protocolType: this.#protocolType,
      protocolName: this.#protocolName,
      leaderId,
      memberId: member.memberId,
      skipAssignment: different.skipAssignment ?? false,
      members: members.map((one) => ({
        memberId: one.memberId,
        instanceId: one.instanceId,
        metadata: metadataFor(one, this.#protocolName),
      })),
    };
    this.#outputs.push({ kind: 'joined', requestId, joined });
  }

  #answerSync(member: Member, requestId: number, nowMs: number): void {
    member.syncRequest = undefined;
    this.#extend(member, nowMs);
    const { assignment } = member;
    const synced = {
      protocolType: this.#protocolType,
      protocolName: this.#protocolName,
      assignment,
    };
    this.#outputs.push({ kind: 'synced', requestId, synced });
  }

  #reject(requestId: number, code: GroupErrorCode, memberId?: string): void {
    const carried = memberId === undefined ? {} : { memberId };
    this.#outputs.push({ kind: 'rejected', requestId, code, ...carried });
  }

  #rejectWaits(member: Member, code: GroupErrorCode): void {
    if (member.joinRequest !== undefined) this.#reject(member.joinRequest, code);
    if (member.syncRequest !== undefined) this.#reject(member.syncRequest, code);
    member.joinRequest = undefined;
    member.syncRequest = undefined;
  }

  #rejectSyncs(code: GroupErrorCode, nowMs: number): void {
    for (const member of this.#members.all()) {
      if (member.syncRequest === undefined) continue;
      this.#reject(member.syncRequest, code);
      member.syncRequest = undefined;
      this.#extend(member, nowMs);
    }
  }

  /** The member has shown up: its session starts anew. */
  #extend(member: Member, nowMs: number): void {
    member.deadlineMs = this.#wakeBy(nowMs + member.sessionTimeoutMs);
  }

  #wakeBy(deadlineMs: number): number {
    if (deadlineMs < this.#wakeAtMs) this.#wakeAtMs = deadlineMs;
    return deadlineMs;
  }

  #earliestDeadline(): number {
    let earliest = Math.min(this.#joinDeadlineMs, this.#syncDeadlineMs);
    for (const deadlineMs of this.#members.pending.values()) {
      if (deadlineMs < earliest) earliest = deadlineMs;
    }
    for (const member of this.#members.all()) {
      if (member.deadlineMs < earliest) earliest = member.deadlineMs;
    }
    return earliest;
  }

  #write(write: PendingWrite): number {
    const ticket = this.#nextTicket++;
    this.#writes.set(ticket, write);
    const assignments = write.kind === 'assignment' ? write.assignments : undefined;
    const record: GroupRecord = {
      protocolType: this.#protocolType,
      protocolName: this.#protocolName,
      generation: this.#generation,
      leaderId: this.#members.leaderId,
      members: [...this.#members.all()].map((member) =>
        recordOfMember(
          member,
          assignments ? (assignments.get(member.memberId) ?? NO_ASSIGNMENT) : member.assignment,
        ),
      ),
    };
    this.#outputs.push({ kind: 'write', ticket, record });
    return ticket;
  }

  /** The write that a ticket stands for, unless a rebalance has overtaken it. */
  #takeWrite(ticket: number): PendingWrite | undefined {
    const write = this.#writes.get(ticket);
    this.#writes.delete(ticket);
    if (write?.kind !== 'assignment') return write;
    if (ticket !== this.#assignmentTicket) return undefined;
    this.#assignmentTicket = undefined;
    return write;
  }
}
