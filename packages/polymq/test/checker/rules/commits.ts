/**
 * Rules about group positions, which behave as one register per group and log.
 *
 * An observed position must come from some commit that may have taken effect before the observation
 * ended, and that no acknowledged commit had certainly replaced before it began:
 *
 *   commit c   |----------|
 *   commit d                 |-----ok---|         d began after c had ended: c is replaced
 *   observe                                |----|   must not say c any more
 */
import type { Anomaly } from '../anomaly.ts';
import { groupBy } from '../final-state.ts';
import type { Commit, History, Observation } from '../history.ts';

export function stalePositions(history: History): Anomaly[] {
  const keyOf = (item: { group: string; log: string }) => `${item.group}\n${item.log}`;
  const commits = groupBy(history.commits, keyOf);
  const anomalies: Anomaly[] = [];
  for (const [key, observations] of groupBy(history.observations, keyOf)) {
    const register = new Register(commits.get(key) ?? []);
    for (const observation of observations) {
      const anomaly = register.problemOf(observation);
      if (anomaly) anomalies.push(anomaly);
    }
  }
  return anomalies;
}

class Register {
  /** Acknowledged commits by their end, and the latest beginning up to each. */
  readonly #acknowledged: Commit[];
  readonly #latestBegin: Commit[] = [];
  readonly #byOffset: Map<number, Commit[]>;

  constructor(commits: readonly Commit[]) {
    this.#acknowledged = commits
      .filter((commit) => commit.outcome === 'ok')
      .sort((a, b) => a.endedAt - b.endedAt);
    for (const commit of this.#acknowledged) {
      const latest = this.#latestBegin.at(-1);
      this.#latestBegin.push(!latest || commit.invokedAt > latest.invokedAt ? commit : latest);
    }
    const possible = commits.filter((commit) => commit.outcome !== 'fail');
    this.#byOffset = new Map();
    for (const commit of possible) {
      const list = this.#byOffset.get(commit.offset);
      if (list) list.push(commit);
      else this.#byOffset.set(commit.offset, [commit]);
    }
  }

  problemOf(observation: Observation): Anomaly | undefined {
    const { group, log, offset } = observation;
    const replacing = this.#replacedUpTo(observation.invokedAt);
    if (offset < 0) {
      if (!replacing) return undefined;
      return {
        kind: 'stale-commit',
        log,
        message: `group ${group} has no position although ${replacing.offset} was acknowledged`,
        evidence: [replacing, observation],
      };
    }
    const candidates = (this.#byOffset.get(offset) ?? []).filter(
      (commit) => commit.invokedAt < observation.endedAt,
    );
    if (candidates.length === 0) {
      return {
        kind: 'unexpected-commit',
        log,
        message: `group ${group} is at ${offset}, which was never committed`,
        evidence: [observation],
      };
    }
    const best = candidates.reduce((a, b) => (b.endedAt > a.endedAt ? b : a));
    if (!replacing || replacing.invokedAt <= best.endedAt) return undefined;
    return {
      kind: 'stale-commit',
      log,
      message: `group ${group} is at ${offset} although ${replacing.offset} was acknowledged later`,
      evidence: [best, replacing, observation],
    };
  }

  /** Of the commits acknowledged before `time`, the one that began last. */
  #replacedUpTo(time: number): Commit | undefined {
    let low = 0;
    let high = this.#acknowledged.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#acknowledged[middle]!.endedAt < time) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? undefined : this.#latestBegin[low - 1];
  }
}
