// A receiver that cannot be reached: before a change begins it is refused, and nothing has happened. While a
// change is under way the operator sees what it waits for, and gives it up, or the node, and needs nothing of
// the node for that.

import t, { type Test } from 'tap'
import { type TestNode } from '../support/cluster/cluster.ts'
import { freePort } from '../support/cluster/ports.ts'
import { FAULTS_MS, inRounds, startStage, type Phase, type Stage } from '../support/cluster/ring-faults.ts'
import { askChange, ringOf, untilTold } from '../support/cluster/ring-requests.ts'
import { until } from '../support/cluster/memcached.ts'
import { needs } from '../support/cluster/programs.ts'

t.setTimeout(FAULTS_MS)

t.test('three replicas', async t => {
  if (!needs(t, 'memcached')) return
  const stage = await startStage(t, 3)
  const [first, , , fourth] = stage.cluster.nodes as [TestNode, TestNode, TestNode, TestNode]

  await t.test('a node that is not there is not added', async t => {
    const before = await ringOf(first)
    const nobody = `127.0.0.1:${await freePort()}`
    const { status, text } = await askChange(first, `/add_node/2000/${nobody}`)
    t.equal(status, 503)
    t.match(JSON.parse(text), { code: 'KV_ERR_NODE_NOT_READY', message: new RegExp(nobody) })
    t.same(await ringOf(first), before)
  })

  for (const phase of inRounds(['start', 'middle'] as const)) {
    await t.test(
      `a receiver that does not answer any more, and the change is given up: ${phase}`,
      async t => {
        const change = await stage.strike(
          phase,
          async ({ before }) => {
            fourth.pause()
            const told = await untilTold(first, before, new RegExp(`${fourth.address} does not answer`))
            if (told) t.match(await askChange(first, '/ring/abort'), { status: 200, text: 'OK' })
            else fourth.resume()
            return told
          },
          'join'
        )
        t.match(await change.answer, { status: 409 }, 'who asked for the change is told')
        t.same((await ringOf(first))?.ring, change.before.ring)
        fourth.resume()
        await stage.settled(t, change)
      }
    )

    await t.test(`a receiver that was to join and is dead for good: ${phase}`, async t => {
      const change = await stage.strike(
        phase,
        async ({ before }) => {
          await fourth.kill()
          const told = await untilTold(first, before, new RegExp(`${fourth.address} does not answer`))
          if (told) {
            t.match(await askChange(first, `/remove_node/${fourth.address}?force=true`), {
              status: 200,
              text: 'OK'
            })
          } else await fourth.start()
          return told
        },
        'join'
      )
      t.match(await change.answer, { status: 409 }, 'who asked for the change is told')
      t.same((await ringOf(first))?.ring, change.before.ring)
      await fourth.start()
      await stage.settled(t, change)
    })
  }

  for (const phase of inRounds(['start'] as const)) {
    await t.test('a member that was to receive and is dead for good', async t => {
      const before = await stage.settled(t)
      const victim = await forceOut(t, stage, phase)
      await victim.start()
      t.notOk(
        Object.values((await stage.settled(t)).ring).includes(victim.address),
        'it is no member when it comes back'
      )
      const token = Object.keys(before.ring).find(token => before.ring[token] === victim.address)
      t.match(
        await askChange(first, `/add_node/${token}/${victim.address}`),
        { status: 200, text: 'OK' },
        'and can be added again'
      )
      await stage.settled(t)
    })
  }
  await stage.finish(t)
})

/** Kills a receiver of a removal, and declares it dead; resolves when the ring is without it. */
async function forceOut(t: Test, stage: Stage, phase: Phase): Promise<TestNode> {
  let victim: TestNode | undefined
  await stage.strike(
    phase,
    async ({ asked, pending, before }) => {
      const receiver = pending.find(node => node !== asked) as TestNode
      await receiver.kill()
      const told = await untilTold(asked, before, new RegExp(`${receiver.address} does not answer`))
      if (!told) {
        await receiver.start()
        return false
      }
      t.match(await askChange(asked, `/remove_node/${receiver.address}?force=true`), {
        status: 200,
        text: 'OK'
      })
      await until('the ring is without it', async () => {
        const ring = await ringOf(asked)
        return ring?.next === undefined && !Object.values(ring?.ring ?? {}).includes(receiver.address)
      })
      victim = receiver
      return true
    },
    'leave'
  )
  return victim as TestNode
}
