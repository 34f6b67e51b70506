/**
 * One message of a group at a time. SQS locks a group of a FIFO queue as long as one of its messages is in flight, but one receive may bring several of
 * them, in order; so the first is handed out and the others stand in line behind it.
 *
 *   the first is done        the next one of its group has its turn
 *   it goes back, or is lost those behind it go back as well: it comes first again
 */
import type { SqsDelivery } from './delivery.ts';

const NONE: readonly SqsDelivery[] = Object.freeze([]);

export class GroupLines {
  /** By group: the one that is handed out, and those behind it. */
  readonly #lines = new Map<string, SqsDelivery[]>();

  /** Those that have their turn now. What has no group never waits. */
  admit(deliveries: readonly SqsDelivery[]): readonly SqsDelivery[] {
    return deliveries.filter((delivery) => {
      const { group } = delivery;
      if (group === undefined) return true;
      const line = this.#lines.get(group);
      if (line === undefined) this.#lines.set(group, [delivery]);
      else line.push(delivery);
      return line === undefined;
    });
  }

  /** Whose turn comes when this one is done. */
  next(done: SqsDelivery): SqsDelivery | undefined {
    const line = this.#lineOf(done);
    if (line === undefined) return undefined;
    line.shift();
    if (line.length === 0) this.#lines.delete(done.group!);
    return line[0];
  }

  /** Those that stand behind it. */
  behind(first: SqsDelivery): readonly SqsDelivery[] {
    return this.#lineOf(first)?.slice(1) ?? NONE;
  }

  /** Ends the line of this one, and answers who stood behind it. */
  end(first: SqsDelivery): readonly SqsDelivery[] {
    const behind = this.behind(first);
    if (this.#lineOf(first) !== undefined) this.#lines.delete(first.group!);
    return behind;
  }

  /** Ends all lines, and answers who stood behind the first ones. */
  endAll(): readonly SqsDelivery[] {
    const behind = [...this.#lines.values()].flatMap((line) => line.slice(1));
    this.#lines.clear();
    return behind;
  }

  /** Undefined if it is not the first of its group. */
  #lineOf(first: SqsDelivery): SqsDelivery[] | undefined {
    const line = first.group === undefined ? undefined : this.#lines.get(first.group);
    return line?.[0] === first ? line : undefined;
  }
}

/** Of what one receive brought: the first of each group, and those behind them. */
export function firstOfGroups(deliveries: readonly SqsDelivery[]): {
  readonly first: SqsDelivery[];
  readonly behind: SqsDelivery[];
} {
  const lines = new GroupLines();
  const first = [...lines.admit(deliveries)];
  return { first, behind: [...lines.endAll()] };
}
