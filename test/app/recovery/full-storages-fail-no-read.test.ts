// Where storages are full, writes are refused or half done. No read fails for that, and none finds less than
// was acknowledged.

import t from 'tap'
import { startNodes } from '../../support/cluster/nodes.ts'

for (const [count, replicas] of [
  [3, 2],
  [5, 3]
] as const) {
  t.test(`${replicas} replicas on ${count} nodes, which do not fill alike`, async t => {
    const nodes = await startNodes(t, count, { replicas, limitBytes: 50_000 })
    const acknowledged = new Map<string, string>()
    const unknown = new Map<string, string[]>()
    for (let i = 0; i < 400; i++) {
      // Every key is written anew now and then, in another size.
      const key = `k${i % 130}`
      const value = `${i} `.padEnd(50 + ((i * 37) % 900), 'x')
      const answer = await (nodes[i % count] as (typeof nodes)[0])!.ask(`/kv/${key}`, {
        method: 'PUT',
        body: value
      })
      if (answer.status === 204) {
        acknowledged.set(key, value)
        unknown.delete(key)
      } else {
        t.equal(answer.json().code, 'KV_ERR_FULL')
        if (answer.json().message.includes('outcome unknown')) {
          unknown.set(key, [...(unknown.get(key) ?? []), value])
        }
      }
    }
    const failed: string[] = []
    const wrong: string[] = []
    for (const node of nodes) {
      for (let i = 0; i < 130; i++) {
        const key = `k${i}`
        const { status, text } = await node.ask(`/kv/${key}`)
        if (status !== 200 && status !== 404) failed.push(`${key}: ${status} ${text}`)
        else if (
          ![acknowledged.get(key), ...(unknown.get(key) ?? [])].includes(status === 200 ? text : undefined)
        ) {
          wrong.push(`${key}: ${status} ${text}`)
        }
      }
    }
    t.ok(unknown.size > 0, `${unknown.size} keys have a write that is half done`)
    t.same(failed, [])
    t.same(wrong, [])
  })
}
