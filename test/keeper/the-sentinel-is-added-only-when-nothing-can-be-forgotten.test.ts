// The ring record tells that the pairs are still there. It is written anew only where no pair can be missing:
// else a Memcached that came back empty would count again as if it remembered.

import t from 'tap'
import { RECOVERING_MARK } from '../../src/core/ports.ts'
import { type Ring } from '../../src/core/ring/ring.ts'
import { NODE, OTHER, ringOf, settle, startKeeper, textOf } from './keeper-fakes.ts'

const seed = (nodes: string[], generation?: number) => ({
  tokens: nodes.map((node, i) => ({ position: 1000 * (i + 1), node })),
  replicas: 2,
  generation
})

t.test('a seeded node adds it', async t => {
  const { keeper, record } = await startKeeper(t)
  await keeper.seed(seed([NODE, OTHER]))
  t.same(record.writes(), ['add ring'])
  t.equal(record.text, textOf({ ...seed([NODE, OTHER]), generation: 1_000_000, epoch: 1 }))
})

t.test('a seeded node that the others know recovers', async t => {
  const { keeper, record, worker, tick } = await startKeeper(t)
  worker.onIsNew = async () => false
  await keeper.seed(seed([NODE, OTHER]))
  await tick()
  t.same(record.writes(), ['add mark', 'replace ring'])
  t.same(
    worker.calls.filter(call => call.startsWith('recover')),
    ['recover 2']
  )
})

for (const isNew of [true, false]) {
  t.test(
    isNew
      ? 'a seeded node that the others do not know has certainly not voted yet'
      : 'a seeded node that the others know may have voted',
    async t => {
      const { keeper, worker } = await startKeeper(t)
      worker.onIsNew = async () => isNew
      worker.onRecover = async () => false
      await keeper.seed(seed([NODE, OTHER], 8))
      await settle()
      t.match(await keeper.vote({ present: keeper.ring as Ring, ballot: { round: 1, tie: 1 } }), {
        kind: 'promised',
        forgetful: !isNew
      })
    }
  )
}

t.test('a seeded node without a worker that could ask recovers', async t => {
  const { keeper, record, worker } = await startKeeper(t)
  keeper.removeWorker(worker.port)
  await keeper.seed(seed([NODE, OTHER]))
  t.same(record.writes(), ['add mark'])
})

t.test('a standby that is seeded as a member asks too', async t => {
  const { keeper, record, worker } = await startKeeper(t, {
    file: ringOf(1, [OTHER]),
    text: textOf(ringOf(1, [OTHER]))
  })
  worker.onIsNew = async () => false
  worker.onRecover = async () => false
  await keeper.seed(seed([NODE, OTHER], 8))
  record.text = undefined
  await keeper.install(ringOf(2, [NODE, OTHER], 8))
  t.equal(record.text, RECOVERING_MARK)
})

const asked = { ...seed([NODE, OTHER]), generation: 8, epoch: 1 }

t.test('a node that has no ring of that generation says that a ring is new', async t => {
  const { keeper } = await startKeeper(t)
  t.ok(await keeper.isNew(asked), 'no ring at all')
  await keeper.seed(seed([NODE, OTHER], 7))
  t.ok(await keeper.isNew(asked), 'an older one')
  await keeper.seed(seed([NODE, OTHER], 8))
  t.notOk(await keeper.isNew(asked), 'a member that was seeded anew is no new one')
})

t.test('so does one that was just seeded with it, until it forgets', async t => {
  const { keeper, record, worker, tick } = await startKeeper(t)
  await keeper.seed(seed([NODE, OTHER], 8))
  t.ok(await keeper.isNew(asked))
  t.notOk(await keeper.isNew({ ...asked, replicas: 3 }), 'another one of that number')
  t.notOk(await keeper.isNew({ ...asked, generation: 7 }), 'an older one than it has')
  worker.onRecover = async () => false
  record.text = undefined
  await tick()
  t.notOk(await keeper.isNew(asked))
})

t.test('nor does it while the others do not agree on a ring to recover by', async t => {
  const { keeper, record, worker, tick } = await startKeeper(t)
  await keeper.seed(seed([NODE, OTHER], 8))
  worker.onRenew = async () => {
    throw new Error('too few members agree')
  }
  record.text = undefined
  await tick()
  t.equal(keeper.ring?.epoch, 1)
  t.notOk(await keeper.isNew(asked))
})

t.test('but not one that has voted on the next ring', async t => {
  const { keeper } = await startKeeper(t)
  await keeper.seed(seed([NODE, OTHER], 8))
  await keeper.vote({ present: asked, ballot: { round: 1, tie: 1 } })
  t.notOk(await keeper.isNew(asked))
})

t.test('the answer to its being added is lost', async t => {
  const { keeper, record, worker, tick } = await startKeeper(t)
  worker.onRecover = async () => false
  const { add } = record.record
  record.record.add = async text => {
    record.record.add = add
    await add(text)
    throw new Error('no answer in time')
  }
  await keeper.seed(seed([NODE, OTHER]))
  t.match(record.text, /^\{/, 'workers may count by now')
  record.text = undefined
  await tick()
  t.equal(record.text, RECOVERING_MARK, 'and what they took is gone')
})

t.test(
  'a node that is seeded while a look at the record is under way has it when the seeding is answered',
  async t => {
    const { keeper, record, tick } = await startKeeper(t)
    let open = () => {}
    record.gate = new Promise(resolve => {
      open = resolve
    })
    await tick()
    const seeded = keeper.seed(seed([NODE, OTHER]))
    await tick()
    record.gate = Promise.resolve()
    open()
    await seeded
    t.match(record.text, /^\{/)
  }
)

t.test('a standby adds it', async t => {
  const { keeper, record } = await startKeeper(t)
  await keeper.install(ringOf(1, [OTHER]))
  t.equal(record.text, textOf(ringOf(1, [OTHER])))
})

t.test('a standby whose storage was emptied adds it again', async t => {
  const { keeper, record, worker, tick } = await startKeeper(t)
  await keeper.install(ringOf(1, [OTHER]))
  record.text = undefined
  await tick()
  t.equal(record.text, textOf(ringOf(1, [OTHER])))
  t.notMatch(worker.calls, ['recover 1'])
})

t.test('a member that learns from others that it is one recovers', async t => {
  const { keeper, record, worker, tick } = await startKeeper(t)
  await keeper.install(ringOf(1))
  await tick()
  t.same(record.writes(), ['add mark', 'replace ring'])
  t.same(
    worker.calls.filter(call => call.startsWith('recover')),
    ['recover 2']
  )
})

t.test('a newer ring replaces it', async t => {
  const { keeper, record } = await startKeeper(t, { file: ringOf(1), text: textOf(ringOf(1)) })
  await keeper.install(ringOf(2))
  t.same(record.writes(), ['replace ring'])
  t.equal(record.text, textOf(ringOf(2)))
})

t.test('a newer ring does not mask that the storage has forgotten', async t => {
  const { keeper, record, worker, tick } = await startKeeper(t, { file: ringOf(1), text: textOf(ringOf(1)) })
  worker.onRecover = async () => false
  record.text = undefined
  await keeper.install(ringOf(2))
  await tick()
  t.equal(record.text, RECOVERING_MARK)
})

t.test('a storage that is emptied between the look and the write is not masked either', async t => {
  const { keeper, record, worker, tick } = await startKeeper(t, { file: ringOf(1), text: textOf(ringOf(1)) })
  worker.onRecover = async () => false
  const { replace } = record.record
  record.record.replace = text => {
    record.text = undefined
    record.record.replace = replace
    return replace(text)
  }
  await keeper.install(ringOf(2))
  t.equal(record.text, undefined)
  await tick()
  t.equal(record.text, RECOVERING_MARK)
})

for (const [name, first] of [
  ['a standby that became a member', [OTHER]],
  ['a seeded member', [NODE, OTHER]]
] as const) {
  t.test(`${name} recovers when its storage is emptied`, async t => {
    const { keeper, record, worker, tick } = await startKeeper(t)
    await keeper.seed(seed([...first], 7))
    await keeper.install(ringOf(2, [OTHER, NODE]))
    t.equal(record.text, textOf(ringOf(2, [OTHER, NODE])))
    worker.onRecover = async () => false
    record.text = undefined
    await tick()
    t.equal(record.text, RECOVERING_MARK, 'what it took as a member is gone')
  })
}

t.test('a member that was removed and whose storage was emptied adds it', async t => {
  const { keeper, record, tick } = await startKeeper(t, { file: ringOf(1), text: textOf(ringOf(1)) })
  await keeper.install(ringOf(2, [OTHER]))
  record.text = undefined
  await tick()
  t.equal(record.text, textOf(ringOf(2, [OTHER])))
})

t.test('a process that starts with a ring file and an empty storage recovers', async t => {
  const { record, worker, tick } = await startKeeper(t, { file: ringOf(3) })
  await tick()
  t.same(record.writes(), ['add mark', 'replace ring'])
  t.same(
    worker.calls.filter(call => call.startsWith('recover')),
    ['recover 4']
  )
})

t.test('a process that starts without a ring file takes the ring of the record', async t => {
  const { keeper, record, worker, tick } = await startKeeper(t, { text: textOf(ringOf(3)) })
  await tick()
  t.equal(keeper.ring?.epoch, 3)
  t.same(record.writes(), [])
  t.same(worker.calls, ['switchTo 3', 'serve 3'])
})

t.test('and does so later, when the record can be read', async t => {
  const { keeper, record, worker, tick } = await startKeeper(t)
  record.text = textOf(ringOf(3))
  await tick()
  await tick()
  t.same(keeper.ring, ringOf(3))
  t.ok(worker.calls.includes('serve 3'))
})

t.test('of file and record the newer ring counts', async t => {
  const { keeper } = await startKeeper(t, { file: ringOf(3), text: textOf(ringOf(4)) })
  t.equal(keeper.ring?.epoch, 4)
})

t.test('and replaces the older one in the record', async t => {
  const { keeper, record, tick } = await startKeeper(t, { file: ringOf(5), text: textOf(ringOf(4)) })
  t.equal(keeper.ring?.epoch, 5)
  await tick()
  t.equal(record.text, textOf(ringOf(5)))
})

t.test(
  'a process that starts as a standby by its file and as a member by the record recovers when that is gone',
  async t => {
    const { record, worker, tick } = await startKeeper(t, {
      file: ringOf(1, [OTHER]),
      text: textOf(ringOf(2))
    })
    worker.onRecover = async () => false
    await tick()
    record.text = undefined
    await tick()
    t.equal(record.text, RECOVERING_MARK)
  }
)
