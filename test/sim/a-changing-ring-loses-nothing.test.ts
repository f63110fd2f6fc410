// Whatever the network, the nodes and the operators do while the ring changes: what the clients see is what
// one register per key could have shown them, every acknowledged pair is there in the end whoever is asked, a
// deleted one is gone, all nodes have the same stable ring, and no number of a ring is ever taken twice.

import t from 'tap'
import { simulateRing } from '../support/simulation/ring-simulation.ts'
import { seeds } from './seeds.ts'

t.test('with any seed', { timeout: 0 }, async t => {
  const all = seeds(500)
  for (const seed of all) {
    const again = `seed ${seed}; again: npm run sim -- --seed ${seed}`
    try {
      const { violations } = await simulateRing(seed)
      if (violations.length > 0) t.fail(`${again}\n${violations.join('\n')}`)
    } catch (error) {
      t.fail(`${again}\n${(error as Error).stack}`)
    }
  }
  t.pass(`${all.length} runs from seed ${all[0]} on`)
})
