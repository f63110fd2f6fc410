// The processes of a node notice one after the other that its storage may be trusted again. One that serves
// before it has noticed looks for itself, so that no request fails at a node that another process has called
// ready.

import t from 'tap'
import { type Storage } from '../../../src/core/ports.ts'
import { startNodes } from '../../support/cluster/nodes.ts'

/** Storage that has not noticed yet, until it looks. */
function late() {
  let noticed = false
  const wrap = (storage: Storage): Storage =>
    Object.create(storage, {
      incarnation: { get: () => (noticed ? storage.incarnation : 0) },
      recheck: {
        value: async () => {
          noticed = true
        }
      }
    })
  return {
    wrap,
    forget: () => {
      noticed = false
    }
  }
}

t.test('the only replica of a pair', async t => {
  const { wrap, forget } = late()
  const [node] = await startNodes(t, 1, { wrap })
  forget()
  t.equal((await node.ask('/kv/k', { method: 'PUT', body: 'v' })).status, 204)
  forget()
  t.match(await node.ask('/kv/k'), { status: 200, text: 'v' })
})
