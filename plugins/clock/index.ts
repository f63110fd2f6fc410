// Gives the application its clock, which stamps what clients write and says what time it is.

import fp from 'fastify-plugin'
import { type Clock } from '../../src/core/pairs/version.ts'

declare module 'fastify' {
  interface FastifyInstance {
    clock: Clock
  }
}

export interface ClockOptions {
  readonly clock: Clock
}

export default fp<ClockOptions>(
  async (app, { clock }) => {
    app.decorate('clock', clock)
  },
  { name: 'clock' }
)
