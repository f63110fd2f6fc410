// Asking again for a change: where it is done the answer is `OK` at once and nothing happens; while it is
// under way whoever asks waits for it.

import t from 'tap'
import { startNodes, type TestNode } from '../../support/cluster/nodes.ts'
import {
  changesOf,
  checkKeys,
  createGate,
  isOk,
  ringOf,
  sameRing,
  writeKeys
} from '../../support/cluster/ring-changes.ts'

t.test('what is done already', async t => {
  const [a, b] = await startNodes(t, 2, { replicas: 1 })
  const before = await sameRing(t, [a, b])
  for (const node of [a, b]) {
    isOk(t, await node.ask(`/add_node/4999/${a.address}`), 'a has that token')
    isOk(
      t,
      await node.ask('/update_ring', { method: 'POST', body: { ip: b.address, key: '9999', task: 'add' } }),
      'b has that one'
    )
  }
  t.same(await sameRing(t, [a, b]), before)
})

/** Resolves when a request at the node waits for the ring's next step. */
function waits({ app: { ring } }: TestNode): Promise<void> {
  const { get } = Object.getOwnPropertyDescriptor(ring, 'switched') as { get(): Promise<void> }
  return new Promise(resolve =>
    Object.defineProperty(ring, 'switched', {
      configurable: true,
      get() {
        resolve()
        return get.call(ring)
      }
    })
  )
}

t.test('what is under way', async t => {
  const gate = createGate()
  const nodes = await startNodes(t, 3, { replicas: 1, members: 2, wrap: gate.wrap })
  const [a, b, c] = nodes
  const keys = await writeKeys(t, a, 60)
  for (const [path, task, joint] of [
    [`/add_node/2000/${c.address}`, { key: '2000', task: 'add' }, 2],
    [`/remove_node/${c.address}`, { task: 'remove' }, 4]
  ] as const) {
    gate.close()
    const answers: string[] = []
    const waiting = [a, b, c].map(waits)
    const asked = [a, b, c].map(async node => {
      isOk(t, await node.ask(path), 'it waited')
      answers.push(node.address)
    })
    await gate.held()
    isOk(
      t,
      await b.ask('/update_ring', { method: 'POST', body: { ip: c.address, ...task } }),
      'who does not wait is answered'
    )
    t.match(await changesOf(a), { state: 'under way' })
    const { epoch, next } = await ringOf(a)
    t.same([epoch, next !== undefined, answers], [joint, true, []], 'one change, and nobody was answered')
    await Promise.all(waiting)
    gate.open()
    await Promise.all(asked)
    t.equal((await sameRing(t, nodes)).epoch, joint + 1, 'two steps')
    await checkKeys(t, nodes, keys, path)
  }
})

t.test('what another request has done by the time at which this one comes to it', async t => {
  const nodes = await startNodes(t, 3, { replicas: 1 })
  const [a, b, c] = nodes
  const { ringConsensus } = b.app
  const { change } = ringConsensus
  for (const [path, other] of [
    [`/remove_node/${c.address}`, '?force=true'],
    [`/add_node/2000/${c.address}`, ''],
    [`/remove_node/${c.address}?force=true`, '']
  ] as const) {
    let goOn = (): void => {}
    const held = new Promise<void>(resolve => {
      ringConsensus.change = async next => {
        resolve()
        await new Promise<void>(resolve => {
          goOn = resolve
        })
        return change(next)
      }
    })
    const asked = b.ask(path)
    await held
    isOk(t, await a.ask(`${path.split('?')[0]}${other}`), 'it is done')
    goOn()
    isOk(t, await asked, path)
  }
  t.match(await b.ask(`/remove_node/${c.address}`), { status: 404 }, 'it has been gone from the beginning')
  await sameRing(t, nodes)
})
