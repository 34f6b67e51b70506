/**
 * `npx tsx packages/polymq/test/fuzz/main.ts --seconds 30 [--target NAME]`: mutated input for every parser,
 * then for a running broker. Ends with 0 if nothing was found; what was found is kept as files that
 * `--target NAME --input FILE` tries again.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type FuzzReport, fuzz, tryInput } from './fuzz.ts';
import { fuzzLiveBroker } from './live.ts';
import { fuzzLiveAmqp } from './live-amqp.ts';
import { fuzzLiveAws } from './live-aws.ts';
import { fuzzLiveMqtt } from './live-mqtt.ts';
import { fuzzLiveRedis } from './live-redis.ts';
import { fuzzLiveStomp } from './live-stomp.ts';
import { TARGETS } from './targets/index.ts';

/** A running broker under attack, for each protocol. */
const LIVE = {
  live: fuzzLiveBroker,
  'live-amqp': fuzzLiveAmqp,
  'live-aws': fuzzLiveAws,
  'live-redis': fuzzLiveRedis,
  'live-mqtt': fuzzLiveMqtt,
  'live-stomp': fuzzLiveStomp,
};

async function main(): Promise<number> {
  // The YAML parser warns of what it takes; a run would drown in that.
  process.removeAllListeners('warning');
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '30' },
      target: { type: 'string' },
      input: { type: 'string' },
      seed: { type: 'string' },
    },
  });
  const names = [...Object.keys(TARGETS), ...Object.keys(LIVE)];
  const chosen = values.target?.split(',') ?? names;
  for (const name of chosen) {
    if (!names.includes(name))
      throw new Error(`no target "${name}"; there are: ${names.join(', ')}`);
  }
  if (values.input !== undefined) return retry(chosen[0]!, readFileSync(values.input));
  const seed = values.seed === undefined ? Date.now() % 1_000_000_007 : Number(values.seed);
  const seconds = Number(values.seconds);
  process.stdout.write(`seed ${seed}, ${seconds} s each\n`);
  let found = 0;
  for (const name of chosen) {
    if (isLive(name)) {
      const problems = await LIVE[name]({ seconds, seed, report: say });
      for (const problem of problems) say(`FOUND ${name}: ${problem}`);
      found += problems.length;
    } else {
      const report = await fuzz(await TARGETS[name]!(), { seconds, seed, corpus: corpusOf(name) });
      print(report);
      found += report.findings.length;
    }
  }
  say(found === 0 ? 'nothing found' : `${found} findings; seed ${seed}`);
  return found === 0 ? 0 : 1;
}

function isLive(name: string): name is keyof typeof LIVE {
  return Object.hasOwn(LIVE, name);
}

async function retry(name: string, input: Buffer): Promise<number> {
  const target = TARGETS[name];
  if (!target) throw new Error(`--input needs a target other than ${Object.keys(LIVE).join(', ')}`);
  const problem = await tryInput(await target(), input);
  say(problem ?? 'nothing wrong');
  return problem === undefined ? 0 : 1;
}

/** Inputs that once broke a parser are kept for ever. */
function corpusOf(name: string): Buffer[] {
  const folder = fileURLToPath(new URL(`corpus/${name}`, import.meta.url));
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((file) => readFileSync(join(folder, file)));
}

function print(report: FuzzReport): void {
  const { target, inputs, accepted, corpus, slowestMs, growthBytes, findings } = report;
  say(
    `${target}: ${inputs} inputs, ${accepted} accepted, corpus ${corpus}, ` +
      `slowest ${slowestMs.toFixed(1)} ms, growth ${(growthBytes / 1024).toFixed(0)} KiB`,
  );
  const folder = join(tmpdir(), 'polymq-fuzz');
  findings.forEach((finding, i) => {
    mkdirSync(folder, { recursive: true });
    const file = join(folder, `${target}-${process.pid}-${i}`);
    writeFileSync(file, finding.input);
    say(`FOUND ${target}: ${finding.problem}`);
    say(`  input in ${file}; try again with --target ${target} --input ${file}`);
  });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(2);
  },
);
