// Every pair comes back through every node, byte for byte, with three replicas.

import t from 'tap'
import { EVERY_PAIR_MS, everyPairComesBack } from '../support/checker/every-pair.ts'

t.setTimeout(EVERY_PAIR_MS)

t.test('20,000 of them, and some awkward ones', t => everyPairComesBack(t, 3))
