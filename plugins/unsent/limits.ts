// How long clients may take nothing, and what may wait on one connection.

/** How often it is looked whether clients take what is sent to them. */
export const UNSENT_LOOK_MS = 250

/**
 * Where there is no room for another answer, clients that have taken nothing for so long are cut off: longer
 * than a lost packet takes to be sent again.
 */
export const UNSENT_PATIENCE_MS = 1_000

/**
 * A client that has taken nothing for so long, while bytes wait for it, is cut off in any case. Nodes that
 * copy rest for a quarter of a second at most.
 */
export const UNSENT_STALL_MS = 30_000

/**
 * A connection whose last answer was longer takes turns with others of its kind. So many of them are under
 * way at a time.
 */
export const LARGE_ANSWER_BYTES = 64 * 1024
export const LARGE_AT_ONCE = 4

/**
 * Requests of one connection that wait for the answers before theirs, and what each counts for in
 * `UNSENT_BYTES`: what Node and Fastify keep for a request.
 */
export const PIPELINED_REQUESTS = 256
export const PIPELINED_REQUEST_BYTES = 4 * 1024
