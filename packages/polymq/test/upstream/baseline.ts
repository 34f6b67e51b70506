/**
 * What each test of a foreign suite does on its own broker and on ours, kept by name in a JSON file:
 *
 *   { "apache": "<what it was>", "tests": { "<spec file>": { "<test>": "passed" | Difference } } }
 *
 * The suite's own broker is `apache` (for Kafka's clients), `rabbitmq` or `redis`. `"passed"` stands for passed on
 * both. Everything else carries a reason. A test is a surprise if it fails where it is expected to pass, if
 * it passes where it is expected to fail, if it is not listed, or if it is listed and a whole run lacks it.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const REAL_PEERS = ['apache', 'rabbitmq', 'redis', 'mosquitto'] as const;

/** The broker that a suite was written for. */
export type RealPeer = (typeof REAL_PEERS)[number];
export type Peer = RealPeer | 'polymq';
export type Status = 'passed' | 'failed' | 'skipped';

export interface Outcome {
  status: Status;
  message: string;
}

/** By `spec file › test name`. */
export type Outcomes = Map<string, Outcome>;

/** `varies`: it depends on chance, and no outcome is a surprise. */
type Expected = Status | 'varies' | 'unknown';

type Difference = { reason: string } & { [name in Peer]?: Expected };

type Entry = 'passed' | Difference;

export type Baseline = { tests: Record<string, Record<string, Entry>> } & {
  /** What it was, in words. */
  [name in RealPeer]?: string;
};

export interface Verdict {
  text: string;
  surprises: number;
}

const REASON_MISSING = '?';

export function readBaseline(path: string): Baseline {
  return JSON.parse(readFileSync(path, 'utf8')) as Baseline;
}

/** Writes what this peer did into the file. Reasons stay; new differences get a guess or `?`. */
export function updateBaseline(path: string, peer: Peer, outcomes: Outcomes): void {
  const baseline = readBaseline(path);
  const real: Peer = REAL_PEERS.find((name) => baseline[name] !== undefined) ?? 'apache';
  for (const [name, outcome] of outcomes) {
    const [spec, test] = split(name);
    const tests = baseline.tests[spec] ?? {};
    baseline.tests[spec] = tests;
    const before = expand(tests[test], real);
    if (before[peer] === 'varies') continue;
    const entry = { ...before, [peer]: outcome.status };
    if (outcome.status === 'failed' && entry.reason === REASON_MISSING) {
      entry.reason = guessReason(outcome.message);
    }
    tests[test] = entry[real] === 'passed' && entry.polymq === 'passed' ? 'passed' : entry;
  }
  const sorted = Object.fromEntries(
    Object.entries(baseline.tests).sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  writeFileSync(path, `${JSON.stringify({ ...baseline, tests: sorted }, null, 2)}\n`);
}

/**
 * Compares one run with the file and says what differs, by name and with the first line of why. `whole`
 * says that every test was to run, so that a listed one without an outcome is a surprise too.
 */
export function compare(
  baseline: Baseline,
  peer: Peer,
  outcomes: Outcomes,
  whole = false,
): Verdict {
  const counts = new Map<string, Record<Status, number>>();
  const lines: string[] = [];
  let surprises = 0;
  for (const [name, { status, message }] of outcomes) {
    const [spec, test] = split(name);
    const folder = spec.split('/')[0]!;
    const count = counts.get(folder) ?? { passed: 0, failed: 0, skipped: 0 };
    count[status] += 1;
    counts.set(folder, count);
    const expected = expectedOf(baseline.tests[spec]?.[test], peer);
    if (status === expected || expected === 'varies') continue;
    surprises += 1;
    lines.push(`${status}, expected ${expected}: ${name}`);
    if (status === 'failed') lines.push(`    ${firstLines(message)}`);
  }
  const missing = whole ? namesOf(baseline).filter((name) => !outcomes.has(name)) : [];
  surprises += missing.length;
  for (const name of missing) lines.push(`did not run: ${name}`);
  const table = [...counts].map(
    ([folder, { passed, failed, skipped }]) =>
      `${folder.padEnd(10)} ${passed} passed, ${failed} failed, ${skipped} skipped`,
  );
  const end = `${surprises} of ${outcomes.size + missing.length} tests not as listed`;
  return { text: `${[...lines, '', ...table, end].join('\n')}\n`, surprises };
}

function expand(entry: Entry | undefined, real: Peer): Difference {
  if (entry === 'passed') return { [real]: 'passed', polymq: 'passed', reason: REASON_MISSING };
  return entry ?? { [real]: 'unknown', polymq: 'unknown', reason: REASON_MISSING };
}

function expectedOf(entry: Entry | undefined, peer: Peer): Expected {
  return entry === 'passed' ? 'passed' : (entry?.[peer] ?? 'unknown');
}

function namesOf({ tests }: Baseline): string[] {
  return Object.entries(tests).flatMap(([spec, entries]) =>
    Object.keys(entries).map((test) => `${spec} › ${test}`),
  );
}

function split(name: string): [string, string] {
  const at = name.indexOf(' › ');
  return [name.slice(0, at), name.slice(at + 3)];
}

/** The plain cases; everything else is for a person to explain. */
function guessReason(message: string): string {
  if (/ECONNREFUSED.*:9(093|096|099)\b/.test(message)) return 'needs a TLS listener';
  if (/ECONNREFUSED.*:9(094|097|100)\b/.test(message)) return 'needs SASL';
  if (/Broker \d not found in the cached metadata/.test(message)) return 'needs three brokers';
  return REASON_MISSING;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: jest colours its messages.
const COLOURS = /\x1b\[[0-9;]*m/g;

function firstLines(message: string): string {
  const plain = message.replace(COLOURS, '').split('\n');
  return plain
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .slice(0, 4)
    .join(' | ')
    .slice(0, 400);
}
