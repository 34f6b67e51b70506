/**
 * A bank account by event sourcing: commands are decided on the account's history, a projection keeps the balances of all accounts.
 *
 *   command ─► load events ─► decide ─► append at the version seen ─► projection ─► balances
 */
import { eventStore } from '@polymq/client';
import { open } from '../lib/open.ts';
import { account, type BankEvents, type Command } from './account.ts';

const mq = await open();
const bank = eventStore<BankEvents>(mq, 'example-bank', { snapshots: { every: 50 } });
const decide = (id: string, command: Command) => bank.decide(id, account, command);

await decide('anna', { do: 'open', owner: 'Anna' });
await decide('ben', { do: 'open', owner: 'Ben' });

// A hundred deposits at once: each sees the account as it is, whoever is faster.
await Promise.all(
  Array.from({ length: 100 }, () =>
    bank.decide('anna', account, { do: 'deposit', cents: 10 }, { retries: 200 }),
  ),
);
await decide('anna', { do: 'withdraw', cents: 250 });
await decide('ben', { do: 'withdraw', cents: 1 }).catch((error: Error) =>
  console.log(`refused: ${error.message}`),
);

const { state, version } = await bank.fold('anna', account.initial, account.evolve);
console.log(`anna has ${state.cents} cents after ${version} events`);

// The read model: every event of every account, once per event behind the checkpoint.
const balances = new Map<string, number>();
const add = (stream: string, cents: number): void => {
  balances.set(stream, (balances.get(stream) ?? 0) + cents);
};
const projection = bank.project(
  'balances',
  {
    Deposited: ({ stream, data }) => add(stream, data.cents),
    Withdrawn: ({ stream, data }) => add(stream, -data.cents),
  },
  { reset: () => balances.clear() },
);
await projection.caughtUp();
console.log(`balances: anna ${balances.get('anna')}, ben ${balances.get('ben') ?? 0}`);

await projection.rebuild();
await projection.caughtUp();
console.log(`rebuilt from zero: anna ${balances.get('anna')}`);
await projection.close();
await mq.close();
