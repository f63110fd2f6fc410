// A run can be had again from its seed alone, to the last message; other seeds give other runs.

import t from 'tap'
import { simulate } from '../support/simulation/simulation.ts'
import { createVirtualTime } from '../support/simulation/virtual-time.ts'

async function fingerprint(seed: number): Promise<string> {
  const { history, counts, pairs } = await simulate(seed)
  return JSON.stringify([
    history.keys().map(key => history.operations(key)),
    history.tally(),
    counts,
    pairs.map(shelf => [...shelf])
  ])
}

t.test('twice the same', async t => {
  const runs = new Set<string>()
  for (let seed = 1; seed <= 20; seed++) {
    const run = await fingerprint(seed)
    t.equal(await fingerprint(seed), run, `seed ${seed}`)
    runs.add(run)
  }
  t.equal(runs.size, 20)
})

t.test('virtual time runs actions in order, and reactions before the next action', async t => {
  const time = createVirtualTime()
  const seen: string[] = []
  time.after(5, () => seen.push(`c ${time.nowMs}`))
  time.after(5, () => seen.push('d'))
  time.after(1, () => {
    seen.push('a')
    time.after(4, () => seen.push('e'))
    time
      .sleep(0)
      .then(async () => {
        for (let i = 0; i < 100; i++) await undefined
        seen.push('b')
      })
      .catch(t.threw)
  })
  await time.run()
  t.same(seen, ['a', 'b', 'c 5', 'd', 'e'])
})

t.test('a run that does not end is told', async t => {
  const time = createVirtualTime()
  const again = () => time.after(1, again)
  again()
  await t.rejects(time.run(100), /not over after 100 actions/)
})
