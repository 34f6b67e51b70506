/** What a broker without authorization answers to "what may I do here" (KIP-430): not stated. */
export const AUTHORIZED_OPERATIONS_UNKNOWN = -2_147_483_648;
