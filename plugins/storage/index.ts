// Gives the application its storage, whichever driver it is, and closes it last.

import fp from 'fastify-plugin'
import { type Storage } from '../../src/core/ports.ts'

declare module 'fastify' {
  interface FastifyInstance {
    storage: Storage
  }
}

export interface StorageOptions {
  readonly storage: Storage
}

export default fp<StorageOptions>(
  async (app, { storage }) => {
    app.decorate('storage', storage)
    app.addHook('onClose', () => storage.close())
  },
  { name: 'storage' }
)
