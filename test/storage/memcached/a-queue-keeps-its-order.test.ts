import fc from 'fast-check'
import t from 'tap'
import { createFifo } from '../../../src/storage/memcached/fifo.ts'

t.test('as an array does, through any pushes and shifts', async t => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -100, max: 150 }), { maxLength: 40 }), steps => {
      const fifo = createFifo<number>()
      const model: number[] = []
      let next = 0
      for (const step of steps) {
        for (let i = 0; i < step; i++) {
          fifo.push(next)
          model.push(next++)
        }
        for (let i = 0; i > step; i--) if (fifo.shift() !== model.shift()) return false
        if (fifo.length !== model.length || fifo.peek() !== model[0]) return false
      }
      return true
    })
  )
  t.pass()
})
