// Quorum reads and writes over the replicas of a key, and the pace of copying, which leaves them their speed.

import fp from 'fastify-plugin'
import { PACE_EVERY } from '../../src/core/copying/limits.ts'
import { createPace, type Pace } from '../../src/core/copying/pace.ts'
import { createCoordinator, type Coordinator } from '../../src/core/quorum/coordinator.ts'

declare module 'fastify' {
  interface FastifyInstance {
    coordinator: Coordinator
    /** How fast copying may go beside the clients' requests. */
    pace: Pace
  }
}

export interface CoordinatorOptions {
  /** Most that this node gives each receiver in a second, bytes. */
  readonly copyBytesPerS: number
}

export default fp<CoordinatorOptions>(
  async (app, { copyBytesPerS }) => {
    const { ring, peers, clock } = app
    const pace = createPace(() => performance.now(), copyBytesPerS)
    app.decorate('pace', pace)
    app.decorate('coordinator', timed(createCoordinator({ plans: ring, replicas: peers, clock }), pace))
  },
  { name: 'coordinator', dependencies: ['clock', 'ring', 'peers'] }
)

/** The coordinator, some of whose requests tell the pace how long they took. */
function timed(coordinator: Coordinator, pace: Pace): Coordinator {
  let requests = 0

  function time<T>(request: Promise<T>): Promise<T> {
    if (++requests % PACE_EVERY !== 0) return request
    const beganMs = performance.now()
    return request.finally(() => pace.observe(performance.now() - beganMs))
  }

  return {
    read: (...request) => time(coordinator.read(...request)),
    write: (...request) => time(coordinator.write(...request))
  }
}
