// The bounds of the hello at the beginning of a connection, and of looks for a silent node.

/** Longest wait for each answer of the hello at the beginning of a connection; a node gives it without asking anything else. */
export const HELLO_MS = 1_000

/** Longest answer to a hello, with its head: a name and a nonce. */
export const HELLO_ANSWER_BYTES = 4_096

/**
 * How long a request that lacks this node for its quorum waits for the answer to a look for a node that was silent. A node that is back answers within
 * milliseconds, as the question waits in its socket; one that needs longer counts again when the look, which goes on, is answered.
 */
export const PEER_LOOK_MS = 250
