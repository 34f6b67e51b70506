import {
  type Outbound,
  type OutboundAnswer,
  OutboundError,
  type OutboundRequest,
} from '../outbound.ts';

/** Webhook targets that a test plays. */
export class SimulatedOutbound implements Outbound {
  /** Every request, in order. */
  readonly requests: OutboundRequest[] = [];
  /** What the targets do; may throw an `OutboundError`. Nobody is there until this is set. */
  answer: (request: OutboundRequest) => OutboundAnswer | Promise<OutboundAnswer> = ({ url }) => {
    throw new OutboundError('connect', `cannot connect to ${url}: ECONNREFUSED`);
  };

  async request(request: OutboundRequest): Promise<OutboundAnswer> {
    this.requests.push(request);
    return this.answer(request);
  }
}
