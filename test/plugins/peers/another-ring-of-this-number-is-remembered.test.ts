// What a process remembers of nodes that have a ring with the number of its own and other content: it takes
// only their own word, with the ring that proves it, only of nodes that its ring names, and only as long as
// that number is in force.

import { pino } from 'pino'
import t from 'tap'
import { createSplits } from '../../../plugins/peers/splits.ts'
import { digestOf } from '../../../src/core/ring/digest.ts'
import { type Ring } from '../../../src/core/ring/ring.ts'
import { ringToJson } from '../../../src/core/ring/ring-json.ts'
import { type FrameReply, type Verdict } from '../../../src/core/messages/frame.ts'
import { OTHER, ringOf } from '../../keeper/keeper-fakes.ts'

const STRANGER = '127.0.0.1:9999'
const mine = ringOf(1)
const other: Ring = { ...mine, replicas: 1 }

const reply = (verdict: Verdict, ring?: Ring): FrameReply => ({
  verdict,
  ringJson: ring && JSON.stringify(ringToJson(ring)),
  clockMs: undefined,
  answers: []
})

function setup() {
  const lines: Array<{ level: number; msg: string }> = []
  const log = pino(
    {},
    {
      write: (line: string) => {
        lines.push(JSON.parse(line))
      }
    }
  )
  const state = { present: mine as Ring | undefined }
  const splits = createSplits(() => state.present, log)
  const isSplit = () => {
    try {
      splits.check()
      return false
    } catch (error) {
      t.match(error, { code: 'KV_ERR_RING_SPLIT' })
      return true
    }
  }
  return { splits, lines, state, isSplit }
}

t.test('a node of the ring that shows another one', async t => {
  const { splits, lines } = setup()
  splits.heard(OTHER, mine, reply('split', other))
  splits.heard(OTHER, mine, reply('split', other))
  t.throws(() => splits.check(), {
    code: 'KV_ERR_RING_SPLIT',
    message: new RegExp(
      `${OTHER}.*generation 7, epoch 1.*${digestOf(other)}.*${digestOf(mine)}.*seed all nodes again`
    )
  })
  t.match(lines, [
    { level: 50, peer: OTHER, generation: 7, epoch: 1, digest: digestOf(mine), theirs: digestOf(other) }
  ])
  t.equal(lines.length, 1, 'it is logged once')
})

t.test('it ends when that node agrees, and when a ring of another number is in force', async t => {
  const { splits, lines, state, isSplit } = setup()
  splits.heard(OTHER, mine, reply('split', other))
  splits.heard(OTHER, mine, reply('served'))
  t.notOk(isSplit())
  t.match(lines, [{ level: 50 }, { level: 30, peer: OTHER }])
  splits.heard(OTHER, mine, reply('split', other))
  t.ok(isSplit())
  state.present = ringOf(2)
  t.notOk(isSplit())
  splits.heard(OTHER, mine, reply('split', other))
  t.notOk(isSplit(), 'an answer to a frame of before says nothing of the present ring')
})

t.test('a false alarm is none', async t => {
  const { splits, lines, state, isSplit } = setup()
  splits.heard(STRANGER, mine, reply('split', other))
  t.notOk(isSplit(), 'a node that this ring does not name')
  for (const [ring, what] of [
    [undefined, 'no proof'],
    [mine, 'the same ring'],
    [{ ...other, epoch: 2 }, 'a ring with another number']
  ] as const) {
    splits.heard(OTHER, mine, reply('split', ring))
    t.notOk(isSplit(), what)
  }
  splits.heard(OTHER, mine, { ...reply('split'), ringJson: '{"ring":{}}' })
  t.notOk(isSplit(), 'what is no ring')
  for (const verdict of ['served', 'behind', 'ahead', 'foreign'] as const) {
    splits.heard(OTHER, mine, reply(verdict, other))
  }
  t.notOk(isSplit(), 'another verdict')
  state.present = undefined
  splits.heard(OTHER, mine, reply('split', other))
  t.notOk(isSplit(), 'no ring here')
  t.same(lines, [])
})
