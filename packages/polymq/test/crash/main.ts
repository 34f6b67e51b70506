/**
 * `npm run test:crash -- --cycles 100`: kill -9 under load, restart, and a check that nothing acknowledged was
 * lost, doubled or reordered. Ends with 0 if nothing was found.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { check, type Verdict } from '../checker/check.ts';
import { replay } from '../checker/history.ts';
import { type CrashReport, runCrashes } from './harness.ts';
import { readHistoryFile } from './history-file.ts';
import { WORKLOADS } from './workloads/index.ts';

const HELP = `npm run test:crash -- [options]

  --cycles N         kills of each workload (default 20)
  --seed S           repeats the choices of an earlier run
  --workload LIST    of: ${Object.keys(WORKLOADS).join(', ')} (default: all, one after the other)
  --durability MODE  of the broker (default fsync)
  --plant            drops one acknowledged value from the result: the run must fail
  --json FILE        writes the report
  --check FILE       only judges the history that an earlier run has kept
  --verbose
`;
const ANOMALIES_SHOWN = 20;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      cycles: { type: 'string', default: '20' },
      seed: { type: 'string' },
      workload: { type: 'string', default: Object.keys(WORKLOADS).join(',') },
      durability: { type: 'string', default: 'fsync' },
      plant: { type: 'boolean', default: false },
      json: { type: 'string' },
      check: { type: 'string' },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (values.check !== undefined) return checkFile(values.check);
  const cycles = Number(values.cycles);
  if (!Number.isInteger(cycles) || cycles < 1) throw new Error('--cycles wants a whole number');
  const seed = values.seed === undefined ? Date.now() % 1_000_000_007 : Number(values.seed);
  process.stdout.write(`seed ${seed}\n`);
  const reports: CrashReport[] = [];
  for (const workload of values.workload.split(',')) {
    process.stdout.write(`workload ${workload}\n`);
    const report = await runCrashes({
      cycles,
      seed,
      workload,
      brokerArgs: ['--durability', values.durability],
      plant: values.plant,
      report: (line) => process.stdout.write(`${line}\n`),
      verbose: values.verbose,
    });
    print(report);
    reports.push(report);
  }
  if (values.json) {
    const all = reports.length === 1 ? reports[0] : reports;
    writeFileSync(values.json, `${JSON.stringify(all, null, 2)}\n`);
  }
  return reports.every((report) => report.valid) ? 0 : 1;
}

function checkFile(path: string): number {
  const verdict = check(replay(readHistoryFile(path)));
  process.stdout.write(
    `${[...describeVerdict(verdict), verdict.valid ? 'valid' : 'not valid'].join('\n')}\n`,
  );
  return verdict.valid ? 0 : 1;
}

function describeVerdict(verdict: Verdict): string[] {
  return [
    Object.entries(verdict.counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', '),
    ...verdict.anomalies
      .slice(0, ANOMALIES_SHOWN)
      .map(({ kind, log, message }) => `ANOMALY ${kind} in ${log}: ${message}`),
  ];
}

function print(report: CrashReport): void {
  const { verdict, problems, errors } = report;
  const lines = [
    `${report.kills} kills (${report.killsDuringStart} during a start) in ${report.seconds.toFixed(0)} s, slowest start ${report.startMsMax} ms`,
    ...Object.entries(errors).map(([error, count]) => `  ${count} x ${error}`),
    ...problems.slice(0, ANOMALIES_SHOWN).map((problem) => `PROBLEM ${problem}`),
    ...describeVerdict(verdict),
    report.valid
      ? 'nothing lost, doubled, reordered or inconsistent'
      : `${verdict.anomalies.length} anomalies, ${problems.length} problems; seed ${report.seed}; history and data in ${report.folder}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(2);
  },
);
