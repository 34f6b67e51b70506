/** `npm run bench -- sdk --wire …`: what the client costs over a protocol. */
import { headLines, progress, type Settings, writeReport } from '../../lib/report.ts';
import { median } from '../../lib/statistics.ts';
import { describeAim, formatTable } from '../../lib/table.ts';
import { AMQP } from './amqp.ts';
import type { Contest, Rates } from './contest.ts';
import { KAFKA } from './kafka.ts';
import { SQS } from './sqs.ts';

const CONTESTS: readonly Contest[] = [...AMQP, ...KAFKA, ...SQS];

export const WIRES: readonly string[] = [...new Set(CONTESTS.map(({ wire }) => wire))];

/** What the client should reach at least, as a share of the bare library. */
const AIM = 0.6;

interface Round {
  readonly bare: Rates;
  readonly sdk: Rates;
}

export async function benchWires(
  wires: readonly string[],
  settings: Settings,
  file: string | undefined,
): Promise<number> {
  const results: { wire: string; broker: string; rounds: Round[] }[] = [];
  for (const contest of CONTESTS) {
    if (!wires.includes(contest.wire)) continue;
    const missing = contest.missing?.();
    if (missing === undefined) results.push(await hold(contest, settings.runs));
    else process.stderr.write(`${contest.wire} on ${contest.broker} is left out: ${missing}\n`);
  }
  const head = headLines(settings, [], { generator: 'both in it', meaning: MEANING });
  process.stdout.write(`${head.slice(0, 3).join('\n')}\n${MEANING}\n\n`);
  const columns = ['wire', 'broker', 'work', 'bare/s', 'client/s', 'share', 'aim'];
  process.stdout.write(`${formatTable(columns, results.flatMap(rowsOf))}\n`);
  return writeReport('sdk-wire', file, { settings, failures: [], results });
}

const MEANING =
  'the client and the bare library that it stands on, in turns on one broker; medians, and the median of the shares of each round';

/** Round by round, so that both see the same moods of the machine. The first one warms up. */
async function hold(
  contest: Contest,
  runs: number,
): Promise<{ wire: string; broker: string; rounds: Round[] }> {
  const { wire, broker } = contest;
  const contestants = await contest.start();
  const rounds: Round[] = [];
  try {
    for (let round = 0; round <= runs; round += 1) {
      progress(`${wire} on ${broker}: ${round === 0 ? 'warm-up' : `round ${round}`}`);
      const both = { bare: await contestants.bare(), sdk: await contestants.sdk() };
      if (round > 0) rounds.push(both);
    }
  } finally {
    await contestants.stop();
  }
  return { wire, broker, rounds };
}

function rowsOf({ wire, broker, rounds }: { wire: string; broker: string; rounds: Round[] }) {
  return Object.keys(rounds[0]!.bare).map((work) => {
    const share = median(rounds.map(({ bare, sdk }) => sdk[work]! / bare[work]!));
    const [bare, sdk] = [
      rounds.map((each) => each.bare[work]!),
      rounds.map((each) => each.sdk[work]!),
    ];
    const cells = [median(bare), median(sdk)].map((value) =>
      Math.round(value).toLocaleString('en'),
    );
    return [wire, broker, work, ...cells, `${Math.round(share * 100)} %`, describeAim(AIM, share)];
  });
}
