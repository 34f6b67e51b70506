/** The rules of a bank account: three functions without side effects. Nothing here knows where events are kept. */
import type { Decider, NewEvent } from '@polymq/client';

/** The events by name, with their data. */
export interface BankEvents {
  Opened: { owner: string };
  Deposited: { cents: number };
  Withdrawn: { cents: number };
}

export interface Account {
  readonly owner: string | undefined;
  readonly cents: number;
}

export type Command =
  | { do: 'open'; owner: string }
  | { do: 'deposit'; cents: number }
  | { do: 'withdraw'; cents: number };

export const account: Decider<Account, Command, BankEvents> = {
  name: 'account',
  initial: () => ({ owner: undefined, cents: 0 }),
  evolve(state, { type, data }) {
    switch (type) {
      case 'Opened':
        return { ...state, owner: data.owner };
      case 'Deposited':
        return { ...state, cents: state.cents + data.cents };
      case 'Withdrawn':
        return { ...state, cents: state.cents - data.cents };
    }
  },
  decide(command, state): NewEvent<BankEvents> {
    if (command.do === 'open') {
      if (state.owner !== undefined) throw new Error('the account is open already');
      return { type: 'Opened', data: { owner: command.owner } };
    }
    if (state.owner === undefined) throw new Error('there is no such account');
    const { cents } = command;
    if (command.do === 'deposit') return { type: 'Deposited', data: { cents } };
    if (state.cents < cents) throw new Error(`${state.owner} has only ${state.cents} cents`);
    return { type: 'Withdrawn', data: { cents } };
  },
};
