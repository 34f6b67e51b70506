/** The arguments make no sense. Exit code 2, as shells and getopt have it. */
export class UsageError extends Error {}

/** Names the configuration file; not a setting itself. */
export const CONFIG_FLAG = 'config';
