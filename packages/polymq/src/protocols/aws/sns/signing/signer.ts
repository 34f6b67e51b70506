/** The version that a topic's attribute `SignatureVersion` asks for: 1 is SHA-1, 2 is SHA-256. */
export type SignatureVersion = '1' | '2';

export interface SnsSigner {
  /** The path that the certificate is served at: `/SimpleNotificationService-<fingerprint>.pem`. */
  readonly certificatePath: string;
  readonly certificatePem: string;
  /**
   * The signature, base64. Computed off the event loop, and remembered by `cacheKey` (a message id, say), which must be
   * another one for another text or version.
   */
  sign(text: string, version: SignatureVersion, cacheKey: string): Promise<string>;
}
