import type { LiveShape } from './load.ts';

export interface LiveScenario<Shape extends LiveShape> {
  readonly name: string;
  readonly doc: string;
  /** In a `--quick` run too. */
  readonly quick: boolean;
  /** How many times the peer's rate, by the second and by the CPU-second, is aimed at. */
  readonly aim?: number;
  /** What each side promises about a message that it has taken. */
  readonly durability: string;
  readonly shape: Shape;
}

/** Connections that do nothing. */
export interface IdleScenario {
  readonly name: string;
  readonly doc: string;
  readonly quick: boolean;
  readonly connections: number;
  readonly rssMibMax: number;
}
