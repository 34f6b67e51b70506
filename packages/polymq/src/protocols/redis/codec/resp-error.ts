/** The peer has broken RESP. The text is what Redis answers before it closes the connection. */
export class RespError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'RespError';
  }
}
