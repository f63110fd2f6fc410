// Changes of the ring, as an operator asks for them: add and remove nodes, see what that would move, see how
// far it is, give it up. A change is state that the members agree on, and goes on by itself. The node that
// took the request only proposes it and waits.

import fp from 'fastify-plugin'
import { type FastifyInstance, type FastifyReply } from 'fastify'
import { KvError } from '../../src/errors.ts'
import { PLAN_TOKENS } from './limits.ts'
import { abortChange, type Change } from '../../src/core/ring/change.ts'
import { fieldsOf } from '../../src/core/pairs/form.ts'
import { isNodeAddress } from '../../src/core/ring/ring.ts'
import { checkPosition } from '../../src/core/ring/ring-json.ts'
import { type Keeper } from '../../src/keeper/keeper.ts'
import { begin, carryOut, newest } from './carry-out.ts'
import { offer, planOf } from './plan.ts'
import { progressRoutes } from './progress.ts'
import { seedingRoute } from './seeding.ts'
import { tidyRoute } from './tidy.ts'

export default fp<{ readonly keeper: Keeper }>(
  async (app, { keeper }) => {
    seedingRoute(app, keeper)
    tidyRoute(app, keeper)
    progressRoutes(app, keeper)
    changeRoutes(app)
    planRoutes(app)
  },
  { name: 'changes', dependencies: ['ring', 'storage', 'peers', 'consensus'] }
)

function changeRoutes(app: FastifyInstance): void {
  app.route<{ Params: { token: string; node: string } }>({
    method: ['GET', 'POST'],
    url: '/add_node/:token/:node',
    exposeHeadRoute: false,
    handler: async ({ params }, reply) => {
      const change = {
        kind: 'add',
        position: positionOf(params.token),
        node: addressOf(params.node)
      } as const
      return answer(reply, await carryOut(app, change))
    }
  })

  app.route<{ Params: { node: string } }>({
    method: ['GET', 'POST'],
    url: '/remove_node/:node',
    exposeHeadRoute: false,
    handler: async ({ params, query }, reply) => {
      const { force, also } = fieldsOf(query)
      if (force !== undefined && force !== 'true' && force !== 'false') {
        throw new KvError('KV_ERR_MALFORMED', 'force is true or false')
      }
      if (also !== undefined && force !== 'true') {
        throw new KvError(
          'KV_ERR_MALFORMED',
          'also names further nodes that are dead, and goes with force=true'
        )
      }
      return answer(
        reply,
        await carryOut(app, {
          kind: 'remove',
          node: addressOf(params.node),
          gone: force === 'true',
          also: [also ?? []].flat().map(addressOf)
        })
      )
    }
  })

  app.post('/update_ring', async (request, reply) => {
    await begin(app, changeOf(request.body))
    return answer(reply)
  })

  app.post('/ring/abort', async (_request, reply) => {
    await newest(app)
    await app.ringConsensus.change(abortChange)
    app.log.warn('the change of the ring was given up by request')
    return answer(reply)
  })
}

function planRoutes(app: FastifyInstance): void {
  app.post('/ring/plan', async (request, reply) => {
    const { ip, key, task, count } = fieldsOf(request.body)
    if (task === 'add' && key === undefined) {
      const node = addressOf(ip)
      return reply.send(await offer(await newest(app), node, countOf(count)))
    }
    if (count !== undefined) throw new KvError('KV_ERR_MALFORMED', 'count goes with task=add and without key')
    const change = changeOf(request.body)
    return reply.send(planOf(await newest(app), change))
  })
}

/** `ip`, `key`, `task`: `add` needs a key; `remove` without one removes every token of the node. */
function changeOf(body: unknown): Change {
  const { ip, key, task } = fieldsOf(body)
  const node = addressOf(ip)
  if (task === 'remove' && key === undefined) return { kind: 'remove', node, gone: false }
  if (task !== 'add' && task !== 'remove') throw new KvError('KV_ERR_MALFORMED', 'task is add or remove')
  return { kind: task === 'add' ? 'add' : 'remove-token', position: positionOf(key), node }
}

function countOf(text: unknown): number {
  if (text === undefined) return 1
  const count = typeof text === 'string' && /^[0-9]{1,3}$/.test(text) ? Number(text) : 0
  if (count < 1 || count > PLAN_TOKENS) throw new KvError('KV_ERR_MALFORMED', `count is 1 to ${PLAN_TOKENS}`)
  return count
}

function positionOf(text: unknown): number {
  return checkPosition(typeof text === 'string' && /^[0-9]{1,5}$/.test(text) ? Number(text) : text)
}

function addressOf(text: unknown): string {
  if (!isNodeAddress(text)) throw new KvError('KV_ERR_RING_INVALID', 'a node is host:port')
  return text
}

function answer(reply: FastifyReply, warning?: string): FastifyReply {
  if (warning !== undefined) reply.header('warning', `199 - "${warning}"`)
  return reply.type('text/plain; charset=utf-8').send('OK')
}
