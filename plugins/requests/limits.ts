// The bounds of clients' bodies in one process, with their reasons.

/**
 * Bodies up to this are parsed when they are there, in less time than the rest of their request takes. Longer
 * ones wait for their turns.
 */
export const PARSE_AT_ONCE_BYTES = 16 * 1024

/**
 * Bytes of clients' bodies that a process takes in and works on at a time: twenty of the largest forms.
 * Smaller bodies than `BODY_FREE_BYTES` are not counted: with all its connections at work a process holds 32
 * MB of them.
 */
export const BODIES_BYTES = 64 * 1024 * 1024
export const BODY_FREE_BYTES = 4 * 1024

/**
 * Where there is no room for another body, those that have been coming for so long give way: at 5 Mbit/s a
 * value takes less.
 */
export const BODY_PATIENCE_MS = 5_000
