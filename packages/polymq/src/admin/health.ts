/**
 * Health for supervisors and load balancers.
 *
 *   /health/live    200 as long as the process can answer at all
 *   /health/ready   200 once logs are recovered and listeners are up, while the disk has room;
 *                   503 from the first moment of a stop, so that traffic moves away before the drain
 */
import { type Answer, json, type Route } from './routes.ts';

/** One reason not to be ready, or `undefined`. Asked at every request, so it must be cheap. */
export type ReadinessCheck = () => string | undefined;

export function healthRoutes(checks: readonly ReadinessCheck[]): Route[] {
  return [
    {
      path: '/health/live',
      doc: 'whether the process is alive',
      handle: () => json(200, { status: 'alive' }),
    },
    {
      path: '/health/ready',
      doc: 'whether clients should be sent here',
      handle: () => readiness(checks),
    },
  ];
}

function readiness(checks: readonly ReadinessCheck[]): Answer {
  const reasons = checks.map((check) => check()).filter((reason) => reason !== undefined);
  if (reasons.length === 0) return json(200, { status: 'ready' });
  return json(503, { status: 'not ready', reasons });
}
