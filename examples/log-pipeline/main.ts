/**
 * A log pipeline: services publish lines to a topic, a group of parsers shares the work, errors go to a queue, counts to a dashboard.
 *
 *   services ─► topic logs ─► group parsers (in order per service) ─► topic events ─► dashboard (reads everything)
 *                                          └ errors ─► queue alerts ─► on-call
 */
import { open, signal } from '../lib/open.ts';

interface LogEvent {
  readonly service: string;
  readonly level: 'info' | 'error';
  readonly text: string;
}

const LINES = [
  ['shop', 'info cart opened'],
  ['bank', 'info connected'],
  ['shop', 'info order 1 placed'],
  ['bank', 'error card 4711 refused'],
  ['shop', 'no level at all'],
  ['bank', 'info disconnected'],
] as const;

const mq = await open();
const logs = mq.topic<string>('example-logs', { partitions: 2 });
const events = mq.topic<LogEvent>('example-log-events');
const alerts = mq.queue<LogEvent>('example-alerts');

// Two parsers share the lines; those of one service stay in order. What cannot be parsed ends in a topic of its own.
const parsers = logs.group('parsers', { retry: false, deadLetter: 'example-logs-unreadable' });
const parse = async ({ key, data }: { key: string | undefined; data: string }): Promise<void> => {
  const [, level, text] = /^(info|error) (.*)$/.exec(data) ?? [];
  if (text === undefined) throw new Error(`cannot read "${data}"`);
  const event = { service: key!, level: level as LogEvent['level'], text };
  await events.publish(event, { key: event.service });
  if (event.level === 'error') await alerts.send(event, { key: event.service });
};
const workers = [parsers.consume(parse), parsers.consume(parse)];

// The dashboard reads everything that was ever published, whoever else does.
const counts: Record<string, number> = {};
const all = signal();
const dashboard = events.subscribe(
  ({ data }) => {
    counts[data.service] = (counts[data.service] ?? 0) + 1;
    if (Object.values(counts).reduce((sum, count) => sum + count, 0) === LINES.length - 1)
      all.fire();
  },
  { from: 'start' },
);

for (const [service, line] of LINES) await logs.publish(line, { key: service });

const alert = await alerts.receive({ wait: '20s' });
console.log(`on call: ${alert?.data.service} says "${alert?.data.text}"`);
await alert?.ack();

await all.fired;
console.log(
  'dashboard:',
  Object.entries(counts)
    .sort()
    .map(([name, count]) => `${name} ${count}`)
    .join(', '),
);
const unreadable = await new Promise<string>((resolve) => {
  mq.topic<string>('example-logs-unreadable').subscribe(({ data }) => resolve(data), {
    from: 'start',
  });
});
console.log(`unreadable: "${unreadable}"`);

await Promise.all([...workers, dashboard].map((each) => each.close()));
await mq.close();
