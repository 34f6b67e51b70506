/**
 * One group at work: gives its state machine time, fresh ids and a journal, and turns the answers into promises.
 *
 * There is one timer, at or before the earliest deadline of any member. A heartbeat moves a deadline later
 * without touching the timer; when the timer fires early it is simply set again.
 */
import type { Timer } from '../../lib/environment/clock.ts';
import type { Environment } from '../../lib/environment/environment.ts';
import type { Logger } from '../../lib/logger.ts';
import { BrokerError } from '../errors.ts';
import { groupError, MemberIdRequiredError } from './group-error.ts';
import type { GroupOutput, GroupRecord } from './group-events.ts';
import type { GroupJournal } from './group-journal.ts';
import { GroupMachine, type GroupRules } from './group-state.ts';
import type {
  GroupErrorCode,
  GroupState,
  Joined,
  JoinRequest,
  LeaveOutcome,
  LeavingMember,
  MemberIdentity,
  Synced,
  SyncRequest,
} from './groups.ts';

export interface RunnerContext {
  environment: Environment;
  journal: GroupJournal;
  rules: GroupRules;
  logger: Logger;
  /** The group has begun a rebalance. */
  rebalancing?: (groupId: string) => void;
}

interface Waiter {
  resolve: (value: Joined | Synced) => void;
  reject: (error: unknown) => void;
  /** Stops listening to the request's abort signal. */
  release: () => void;
}

/** Timers of more than 24 days would fire at once; waking early does no harm. */
const SLEEP_MS_MAX = 3_600_000;

export class GroupRunner {
  readonly groupId: string;
  readonly machine: GroupMachine;
  readonly #context: RunnerContext;
  readonly #waiters = new Map<number, Waiter>();
  #nextRequestId = 1;
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #loggedState: GroupState = 'empty';
  /** Writes of this group that are not durable yet; it must not be forgotten meanwhile. */
  writesUnderWay = 0;

  /** `record`: what the journal knows of the group, at start. */
  constructor(groupId: string, context: RunnerContext, record?: GroupRecord) {
    this.groupId = groupId;
    this.#context = context;
    this.machine = new GroupMachine(context.rules);
    if (record !== undefined) this.machine.restore(record, this.#nowMs());
    this.#loggedState = this.machine.state;
    this.#arm();
  }

  join(request: JoinRequest): Promise<Joined> {
    const { groupId: _, signal, ...rest } = request;
    if (request.reason) {
      const { groupId, memberId, reason } = request;
      this.#context.logger.debug({ group: groupId, memberId, reason }, 'a member joins');
    }
    const newMemberId = request.memberId === '' ? this.#newMemberId(request) : '';
    return this.#ask<Joined>(signal, (requestId) => {
      this.machine.join({ ...rest, requestId, newMemberId }, this.#nowMs());
    });
  }

  sync(request: SyncRequest): Promise<Synced> {
    const { groupId: _, signal, ...rest } = request;
    return this.#ask<Synced>(signal, (requestId) => {
      this.machine.sync({ ...rest, requestId }, this.#nowMs());
    });
  }

  heartbeat(member: Omit<MemberIdentity, 'groupId'>): void {
    const code = this.machine.heartbeat(member, this.#nowMs());
    this.#arm();
    if (code !== undefined) throw groupError(code, this.groupId);
  }

  leave(members: readonly LeavingMember[]): LeaveOutcome[] {
    const outcomes = this.machine.leave(members, this.#nowMs());
    this.#deliver();
    return outcomes;
  }

  /** Throws if this member may not commit offsets now. */
  checkCommit(member: Omit<MemberIdentity, 'groupId'> | undefined): void {
    const code = this.machine.checkCommit(member, this.#nowMs());
    this.#arm();
    if (code !== undefined) throw groupError(code, this.groupId);
  }

  /** Answers all who wait with `code`. The runner is of no use afterwards. */
  stop(code: GroupErrorCode): void {
    this.machine.die(code);
    this.#deliver();
    this.#context.environment.timers.clear(this.#timer);
  }

  #newMemberId({ instanceId, clientId }: JoinRequest): string {
    const label = instanceId ?? (clientId === '' ? 'member' : clientId);
    return `${label}-${this.#context.environment.random.uuid()}`;
  }

  #nowMs(): number {
    return this.#context.environment.clock.monotonicMs();
  }

  /** Hands a request to the machine and waits for its answer, or for the signal. */
  #ask<Answer extends Joined | Synced>(
    signal: AbortSignal | undefined,
    start: (requestId: number) => void,
  ): Promise<Answer> {
    const requestId = this.#nextRequestId++;
    return new Promise<Answer>((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => this.#abort(requestId, signal?.reason);
      signal?.addEventListener('abort', onAbort);
      this.#waiters.set(requestId, {
        resolve: resolve as Waiter['resolve'],
        reject,
        release: () => signal?.removeEventListener('abort', onAbort),
      });
      start(requestId);
      this.#deliver();
    });
  }

  #logState(): void {
    const { generation, memberCount, state } = this.machine;
    this.#loggedState = state;
    const fields = { group: this.groupId, state, generation, members: memberCount };
    this.#context.logger.debug(fields, 'a consumer group changed its state');
  }

  #abort(requestId: number, reason: unknown): void {
    const waiter = this.#takeWaiter(requestId);
    if (waiter === undefined) return;
    waiter.reject(reason);
    this.machine.abort(requestId, this.#nowMs());
    this.#deliver();
  }

  #takeWaiter(requestId: number): Waiter | undefined {
    const waiter = this.#waiters.get(requestId);
    this.#waiters.delete(requestId);
    waiter?.release();
    return waiter;
  }

  #deliver(): void {
    for (const output of this.machine.takeOutputs()) this.#perform(output);
    this.#arm();
    if (this.machine.state === this.#loggedState) return;
    this.#logState();
    if (this.machine.state === 'preparing-rebalance') this.#context.rebalancing?.(this.groupId);
  }

  #perform(output: GroupOutput): void {
    switch (output.kind) {
      case 'joined':
        this.#takeWaiter(output.requestId)?.resolve(output.joined);
        break;
      case 'synced':
        this.#takeWaiter(output.requestId)?.resolve(output.synced);
        break;
      case 'rejected': {
        const { code, memberId } = output;
        const error =
          code === 'member-id-required' && memberId !== undefined
            ? new MemberIdRequiredError(this.groupId, memberId)
            : groupError(code, this.groupId);
        this.#takeWaiter(output.requestId)?.reject(error);
        break;
      }
      case 'write':
        void this.#write(output);
        break;
    }
  }

  async #write({ ticket, record }: GroupOutput & { kind: 'write' }): Promise<void> {
    const { environment, journal } = this.#context;
    const atMs = environment.clock.nowMs();
    this.writesUnderWay++;
    try {
      await journal.write({ kind: 'members', group: this.groupId, atMs, record });
      this.machine.written(ticket, this.#nowMs());
    } catch (error: unknown) {
      if (!(error instanceof BrokerError)) throw error;
      this.machine.writeFailed(ticket, error.code, this.#nowMs());
    } finally {
      this.writesUnderWay--;
    }
    this.#deliver();
  }

  #arm(): void {
    const { wakeAtMs } = this.machine;
    if (wakeAtMs >= this.#timerAtMs || this.machine.state === 'dead') return;
    const { timers } = this.#context.environment;
    timers.clear(this.#timer);
    this.#timerAtMs = wakeAtMs;
    const delayMs = Math.min(Math.max(Math.ceil(wakeAtMs - this.#nowMs()), 0), SLEEP_MS_MAX);
    this.#timer = timers.after(delayMs, () => this.#wake());
    this.#timer.unref();
  }

  #wake(): void {
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    this.machine.tick(this.#nowMs());
    this.#deliver();
  }
}
