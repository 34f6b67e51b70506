import type { GroupState } from '../../core/group/groups.ts';

/** The names that Kafka's tools print and filter by. */
export const GROUP_STATE: Readonly<Record<GroupState, string>> = {
  empty: 'Empty',
  'preparing-rebalance': 'PreparingRebalance',
  'completing-rebalance': 'CompletingRebalance',
  stable: 'Stable',
  dead: 'Dead',
};

/** The only kind of group there is: members that join and sync (KIP-848 adds others). */
export const GROUP_TYPE = 'classic';
