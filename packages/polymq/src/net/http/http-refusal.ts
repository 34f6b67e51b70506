/** What a peer sent is no HTTP that is accepted here: it is answered with this status, then the connection is closed. */
export class HttpRefusal extends Error {
  override readonly name = 'HttpRefusal';
  readonly status: number;

  constructor(status: number, reason: string) {
    super(reason);
    this.status = status;
  }
}
