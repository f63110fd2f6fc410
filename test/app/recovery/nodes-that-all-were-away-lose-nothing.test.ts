// A node that was out of touch for nearly a day fetches everything anew, as what it holds may have been
// deleted meanwhile. Where that is true of so many that the others do not have it all, each keeps what it
// holds: it is the last that there is.

import t from 'tap'
import { REPAIR_TRUST_MS } from '../../../src/limits.ts'
import { type Storage } from '../../../src/core/ports.ts'
import { parseSentinel } from '../../../src/core/ring/sentinel.ts'
import { until } from '../../support/cluster/memcached.ts'
import { startNodes, type TestNode } from '../../support/cluster/nodes.ts'
import { checkKeys, isOk, writeKeys } from '../../support/cluster/ring-changes.ts'

/**
 * Waits until the nodes have looked at everything that the others hold since `sinceMs`, by the clock of all.
 */
function untilLooked(nodes: readonly TestNode[], sinceMs: number): Promise<void> {
  return until('every node has looked at the others', async () => {
    const looked = await Promise.all(
      nodes.map(async ({ record }) => parseSentinel(await record.read())?.repairedMs ?? 0)
    )
    return looked.every(ms => ms >= sinceMs)
  })
}

/**
 * Storages of which each, when it drops everything, waits a while for the others to do the same: the worst
 * that may happen.
 */
function dropTogether(count: number): (storage: Storage, index: number) => Storage {
  const dropped = new Set<number>()
  return (storage, index) =>
    Object.create(storage, {
      incarnation: { get: () => storage.incarnation },
      purge: {
        value: async (...args: Parameters<Storage['purge']>) => {
          const purged = await storage.purge(...args)
          dropped.add(index)
          await until('the others have dropped theirs', () => dropped.size >= count, 2_000).catch(() => {})
          return purged
        }
      }
    })
}

t.test('three of three', async t => {
  let passedMs = 0
  const wallMs = () => Date.now() + passedMs
  const nodes = await startNodes(t, 3, { wallMs, wrap: dropTogether(3) })
  const [first] = nodes
  const keys = await writeKeys(t, first, 200)
  passedMs = REPAIR_TRUST_MS + 1
  await untilLooked(nodes, wallMs() - 60_000)
  await nodes.readyAll()
  await checkKeys(t, nodes, keys, 'afterwards')
})

t.test('two of three, of which the third has missed what they acknowledged', async t => {
  let passedMs = 0
  const wallMs = () => Date.now() + passedMs
  const nodes = await startNodes(t, 3, { wallMs, wrap: dropTogether(2) })
  const [first, second, third] = nodes
  await third.stop()
  const keys = await writeKeys(t, first, 200)
  // The third has looked at everything all the while, but for these.
  await third.record.replace(
    JSON.stringify({
      ...JSON.parse((await third.record.read()) ?? ''),
      repaired: Date.now() + REPAIR_TRUST_MS
    })
  )
  await third.start()
  await nodes.readyAll()
  passedMs = REPAIR_TRUST_MS + 1
  await untilLooked([first, second], wallMs() - 60_000)
  await nodes.readyAll()
  await checkKeys(t, nodes, keys, 'afterwards')
})

t.test('a third replica after a day with two', async t => {
  let passedMs = 0
  const nodes = await startNodes(t, 3, {
    wallMs: () => Date.now() + passedMs,
    members: 2,
    wrap: dropTogether(2)
  })
  const [first, , third] = nodes
  const keys = await writeKeys(t, first, 200)
  passedMs = 2 * REPAIR_TRUST_MS
  isOk(t, await first.ask(`/add_node/1/${third.address}`), 'added')
  await checkKeys(t, nodes, keys, 'afterwards')
})
