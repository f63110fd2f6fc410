// The bound of what anybody may send to be let in.

/** Longest body of a hello: a name and a nonce, or a proof. */
export const HELLO_BYTES = 1_024
