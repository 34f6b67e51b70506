/** What the rest of the protocol needs of authentication. */
export { type Authenticator, createAuthenticator, type Signer } from './authenticator.ts';
export type { CredentialScope } from './signed-request.ts';
