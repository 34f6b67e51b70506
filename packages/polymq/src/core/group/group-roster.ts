/**
 * Who is in a group in which generation, who of them waits for what, and the answers to them. The roster knows
 * no states: `group-state.ts` decides what happens, and uses it to make it happen.
 */
import type { GroupOutput, GroupRecord, PendingWrite } from './group-events.ts';
import { type Member, metadataFor, NO_ASSIGNMENT, recordOfMember } from './group-member.ts';
import type { GroupErrorCode, Joined } from './groups.ts';
import { MemberTable } from './member-table.ts';

export class GroupRoster {
  readonly members: MemberTable = new MemberTable();
  generation = 0;
  /** Set by the first member; kept when the group becomes empty. */
  protocolType = '';
  /** Elected for the generation. Empty if the group is. */
  protocolName = '';
  /** At or before the earliest deadline that was set since it was last computed. */
  wakeAtMs: number = Number.POSITIVE_INFINITY;
  #outputs: GroupOutput[] = [];
  readonly #writes = new Map<number, PendingWrite>();
  #nextTicket = 1;

  takeOutputs(): GroupOutput[] {
    const outputs = this.#outputs;
    if (outputs.length > 0) this.#outputs = [];
    return outputs;
  }

  restore(record: GroupRecord, nowMs: number): void {
    this.generation = record.generation;
    this.protocolType = record.protocolType;
    this.protocolName = record.protocolName;
    for (const member of record.members) {
      const deadlineMs = this.wakeBy(nowMs + member.sessionTimeoutMs);
      const waiting = { joinRequest: undefined, syncRequest: undefined };
      this.members.add({ ...member, ...waiting, isNew: false, knowsId: true, deadlineMs });
    }
    this.members.lead(record.leaderId);
  }

  // Answers.

  /** Tells the member of the current generation, and the leader who is in it. */
  answerJoin(member: Member, requestId: number, different: Partial<Joined> = {}): void {
    const leaderId = different.leaderId ?? this.members.leaderId;
    const members = member.memberId === leaderId ? [...this.members.all()] : [];
    const joined: Joined = {
      generation: this.generation,
      protocolType: this.protocolType,
      protocolName: this.protocolName,
      leaderId,
      memberId: member.memberId,
      skipAssignment: different.skipAssignment ?? false,
      members: members.map((one) => ({
        memberId: one.memberId,
        instanceId: one.instanceId,
        metadata: metadataFor(one, this.protocolName),
      })),
    };
    this.#outputs.push({ kind: 'joined', requestId, joined });
  }

  answerSync(member: Member, requestId: number, nowMs: number): void {
    member.syncRequest = undefined;
    this.extend(member, nowMs);
    const { protocolType, protocolName } = this;
    const synced = { protocolType, protocolName, assignment: member.assignment };
    this.#outputs.push({ kind: 'synced', requestId, synced });
  }

  reject(requestId: number, code: GroupErrorCode, memberId?: string): void {
    const carried = memberId === undefined ? {} : { memberId };
    this.#outputs.push({ kind: 'rejected', requestId, code, ...carried });
  }

  rejectWaits(member: Member, code: GroupErrorCode): void {
    if (member.joinRequest !== undefined) this.reject(member.joinRequest, code);
    if (member.syncRequest !== undefined) this.reject(member.syncRequest, code);
    member.joinRequest = undefined;
    member.syncRequest = undefined;
  }

  rejectSyncs(code: GroupErrorCode, nowMs: number): void {
    for (const member of this.members.all()) {
      if (member.syncRequest === undefined) continue;
      this.reject(member.syncRequest, code);
      member.syncRequest = undefined;
      this.extend(member, nowMs);
    }
  }

  /** Takes the member out, and answers it if it waits. */
  drop(memberId: string, code: GroupErrorCode): void {
    const member = this.members.remove(memberId);
    if (member !== undefined) this.rejectWaits(member, code);
  }

  // Deadlines.

  /** The member has shown up: its session starts anew. */
  extend(member: Member, nowMs: number): void {
    member.deadlineMs = this.wakeBy(nowMs + member.sessionTimeoutMs);
  }

  wakeBy(deadlineMs: number): number {
    if (deadlineMs < this.wakeAtMs) this.wakeAtMs = deadlineMs;
    return deadlineMs;
  }

  /** Of all members, and of the ids that were given out. */
  earliestDeadlineMs(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const deadlineMs of this.members.pending.values()) {
      if (deadlineMs < earliest) earliest = deadlineMs;
    }
    for (const member of this.members.all()) {
      if (member.deadlineMs < earliest) earliest = member.deadlineMs;
    }
    return earliest;
  }

  // Writes.

  /** Asks for the group as it is to be written, with new assignments if there are. */
  write(write: PendingWrite): number {
    const ticket = this.#nextTicket++;
    this.#writes.set(ticket, write);
    const assignments = write.kind === 'assignment' ? write.assignments : undefined;
    const assignmentOf = (member: Member) =>
      assignments ? (assignments.get(member.memberId) ?? NO_ASSIGNMENT) : member.assignment;
    const record: GroupRecord = {
      protocolType: this.protocolType,
      protocolName: this.protocolName,
      generation: this.generation,
      leaderId: this.members.leaderId,
      members: [...this.members.all()].map((one) => recordOfMember(one, assignmentOf(one))),
    };
    this.#outputs.push({ kind: 'write', ticket, record });
    return ticket;
  }

  takeWrite(ticket: number): PendingWrite | undefined {
    const write = this.#writes.get(ticket);
    this.#writes.delete(ticket);
    return write;
  }

  forgetWrites(): void {
    this.#writes.clear();
  }
}
