import t from 'tap'
import { createMemoryStorage } from '../../src/storage/memory.ts'
import { conforms } from './conformance.ts'

conforms(t, async () => {
  const wall = { nowMs: Date.now() }
  return { ...createMemoryStorage({ wallMs: () => wall.nowMs }), wall }
})
