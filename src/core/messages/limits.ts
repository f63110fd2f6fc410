// The bounds of what the core parses, with their reasons.

/** Parts of a form or a query, and fields of a JSON object; a pair needs two. */
export const FIELDS_LIMIT = 32

/** Longest number in JSON, bytes. */
export const JSON_SCALAR_BYTES = 1_024

/**
 * A long body is read in steps of so much, more or less: a few milliseconds of the worst that there is. What
 * else has come is answered between two steps.
 */
export const PARSE_STEP_BYTES = 64 * 1024
