// The reference: a bare Fastify server that answers a constant of the benchmark's value size, with the same
// number of processes.

import cluster from 'node:cluster'
import formbody from '@fastify/formbody'
import fastify from 'fastify'

const workers = Number(process.env.WORKERS)

if (cluster.isPrimary && workers > 1) {
  for (let i = 0; i < workers; i++) cluster.fork()
} else {
  // A string, as it leaves the node: the server needs less time for it than for bytes.
  const value = 'v'.repeat(100)
  const app = fastify()
  await app.register(formbody)
  app.get('/route', (_request, reply) => {
    reply.type('text/plain; charset=utf-8').send(value)
  })
  app.get('/readyz', (_request, reply) => {
    reply.send({ ready: true })
  })
  app.post('/route', (_request, reply) => {
    reply.type('text/plain; charset=utf-8').send('OK')
  })
  await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) })
}
