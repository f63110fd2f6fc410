// The bounds of changes of the ring, with their reasons.

import { INSTALL_DEADLINE_MS } from '../../src/limits.ts'

/** Positions that one `/ring/plan` offers. */
export const PLAN_TOKENS = 64

/**
 * For so long a seeded node waits for the others of the seed that do not answer yet, as when all have just
 * been started; and the pause before it asks again.
 */
export const SEED_WAIT_MS = 4_000
export const SEED_PAUSE_MS = 100

/** Longest wait of a request for the change of the ring that it began; balancers wait ten minutes. */
export const CHANGE_WAIT_MS = 590_000

/** How often a request that waits for a change asks the other nodes how far it is, beside being told. */
export const CHANGE_LOOK_MS = 100

/** Longest wait for a node that is to receive pairs to have purged what it held before. */
export const TIDY_WAIT_MS = 60_000

/**
 * It says within so long whether it has, and is asked again meanwhile; and longest wait for that answer,
 * before which the node may have to install a ring. A host that says nothing holds nobody for longer.
 */
export const TIDY_ANSWER_MS = 1_000
export const TIDY_CALL_MS = INSTALL_DEADLINE_MS

/** How often it is looked whether the purge is over: it goes on in another process. */
export const TIDY_POLL_MS = 50

/** Longest time that a stream of events about a change lasts. */
export const EVENTS_MS = 60 * 60 * 1000
