// The bounds of what keeps HAProxy's map of slots true.

/** How often the ring is looked at. A map that is behind costs hops until the next look. */
export const LOOK_MS = 500

/** Longest wait for a node's ring, and for an answer of HAProxy's socket. */
export const ANSWER_MS = 1_000

/**
 * Longest answer of HAProxy's socket that is read, bytes: a map of a range for each slot has under one
 * million.
 */
export const ANSWER_BYTES = 4 * 1024 * 1024

/** Bytes of a map that go into one command; HAProxy's buffer for one has 16 KiB. */
export const COMMAND_BYTES = 12 * 1024
