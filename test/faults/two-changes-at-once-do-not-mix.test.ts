// Changes that are asked of several nodes at the same moment: one is made, whole; another is refused and
// leaves nothing behind, or comes after the first has ended.

import t from 'tap'
import { type TestNode } from '../support/cluster/cluster.ts'
import { FAULTS_MS, ROUNDS, startStage } from '../support/cluster/ring-faults.ts'
import { askChange } from '../support/cluster/ring-requests.ts'
import { needs } from '../support/cluster/programs.ts'

t.setTimeout(FAULTS_MS)

const TRIES = 3 * ROUNDS

t.test('three replicas', async t => {
  if (!needs(t, 'memcached')) return
  const stage = await startStage(t, 3)
  const [first, second, third, fourth] = stage.cluster.nodes as [TestNode, TestNode, TestNode, TestNode]
  for (let round = 0; round < TRIES; round++) {
    const before = await stage.settled(t)
    const isMember = Object.values(before.ring).includes(fourth.address)
    const changes = [
      [first, isMember ? `/remove_node/${fourth.address}` : `/add_node/8500/${fourth.address}`],
      [second, `/add_node/${2000 + round}/${first.address}`],
      [fourth, `/add_node/${5000 + round}/${third.address}`]
    ] as const
    const answers = await Promise.all(changes.map(([node, path]) => askChange(node, path)))
    const { ring } = await stage.settled(t)
    const isMade = [
      isMember !== Object.values(ring).includes(fourth.address),
      ring[2000 + round] === first.address,
      ring[5000 + round] === third.address
    ]
    t.comment(answers.map(({ status }) => status))
    t.equal(
      isMade.filter(Boolean).length,
      answers.filter(({ status }) => status === 200).length,
      'as many as were acknowledged'
    )
    for (const [i, { status, text }] of answers.entries()) {
      t.equal(isMade[i], status === 200, `${changes[i]?.[1]}: ${status} ${text}`)
      if (status !== 200) {
        t.match({ status, ...JSON.parse(text) }, { status: 409, code: 'KV_ERR_RING_CONFLICT' }, 'or refused')
      }
    }
    t.ok(isMade.some(Boolean), 'one is made')
  }
  await stage.finish(t)
})
