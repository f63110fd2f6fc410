// Whatever the network, the nodes and the clocks do: what the clients see is what one register per key could
// have shown them, and when all is well again every node answers.

import t from 'tap'
import { describeViolation } from '../support/checker/history.ts'
import { simulate } from '../support/simulation/simulation.ts'
import { repeatWith, seeds } from './seeds.ts'

t.test('with any seed', { timeout: 0 }, async t => {
  const all = seeds(500)
  for (const seed of all) {
    try {
      const { history } = await simulate(seed)
      const violations = history.violations()
      if (violations.length > 0) {
        t.fail(`${repeatWith(seed)}\n${violations.map(describeViolation).join('\n')}`)
      }
    } catch (error) {
      t.fail(`${repeatWith(seed)}\n${(error as Error).stack}`)
    }
  }
  t.pass(`${all.length} runs from seed ${all[0]} on`)
})
