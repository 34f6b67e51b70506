/**
 * Where idempotency keys are remembered. One key goes through these states:
 *
 *              begin                complete
 *     (none) ────────► running ─────────────────► done ──── keepMs over ──► (none)
 *        ▲               │  ▲                       │
 *        ├── release ────┘  └── begin by another,   └── begin: the stored result
 *        │                      once leaseMs is over
 *
 * A run is known by its token. Once another run has taken over, everything the first one says is refused: that is the fence.
 * Every method is atomic. Time is that of the store.
 */
export interface IdempotencyStore {
  /** Starts a run, unless one is under way or there is a result. */
  begin(key: string, token: string, leaseMs: number): Promise<Begun>;
  /** The run goes on: its lease lasts `leaseMs` from now. `false`: another run has taken over. */
  renew(key: string, token: string, leaseMs: number): Promise<boolean>;
  /** Keeps the result for `keepMs`, as durably as the store is. `false`: another run has taken over. */
  complete(key: string, token: string, result: string, keepMs: number): Promise<boolean>;
  /** Forgets a run that failed. Does nothing if another has taken over. */
  release(key: string, token: string): Promise<void>;
}

export type Begun =
  | { readonly state: 'started' }
  /** By somebody else. `leaseMs`: how long at most until it may be taken over. */
  | { readonly state: 'running'; readonly leaseMs: number }
  | { readonly state: 'done'; readonly result: string };
