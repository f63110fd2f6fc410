// Folders are floors: main, process, app, plugins, then keeper, storage and programs, core, limits and
// errors. No file imports from a floor above its own or from another room of it, the core imports nothing
// that does I/O, and plugins do not import one another's files.

import t from 'tap'
import { filesIn } from './files.ts'
import { importFault, importsOf } from './rules.ts'

t.test('every file', async t => {
  const files = filesIn('src', 'plugins')
  t.same(
    files.flatMap(({ path, text }) =>
      importsOf(text)
        .map(it => importFault(path, it))
        .filter(fault => fault !== undefined)
    ),
    []
  )
  t.ok(
    files.some(({ path }) => path === 'src/core/quorum/coordinator.ts') &&
      files.some(({ path }) => path.startsWith('plugins/')),
    'the files were found'
  )
})

t.test('imports are found in all their forms', async t => {
  const text = `
    import a from './a.ts'
    import { type B } from './b.ts'
    import type { C } from './c.ts'
    import { type D, e } from './d.ts'
    import f, { type G } from './f.ts'
    import './h.ts'
    import * as i from './i.ts'
    export { j } from './j.ts'
    export type { K } from './k.ts'
    const l = await import('./l.ts')
    const m = await import(name)
    // import n from './n.ts'`
  t.same(
    importsOf(text).map(({ specifier, typeOnly }) => `${specifier}${typeOnly ? ' type' : ''}`),
    [
      './a.ts',
      './b.ts type',
      './c.ts type',
      './d.ts',
      './f.ts',
      './h.ts',
      './i.ts',
      './j.ts',
      './k.ts type',
      './l.ts',
      '(computed)'
    ]
  )
})

t.test('what is allowed and what is not', async t => {
  const fault = (path: string, specifier: string, typeOnly = false) =>
    importFault(path, { specifier, typeOnly }) !== undefined
  for (const [path, specifier] of [
    ['src/core/ring/ring.ts', '../pairs/slot.ts'],
    ['src/core/ring/ring.ts', '../../errors.ts'],
    ['src/core/ports.ts', '../limits.ts'],
    ['src/core/pairs/slot.ts', 'node:crypto'],
    ['src/storage/memcached/client.ts', '../../core/ports.ts'],
    ['src/storage/memcached/client.ts', 'node:net'],
    ['plugins/ring/index.ts', '../../src/keeper/keeper.ts'],
    ['plugins/ring/index.ts', './installed.ts'],
    ['plugins/ring/index.ts', 'fastify-plugin'],
    ['src/app.ts', '../plugins/ring/index.ts'],
    ['src/main.ts', './process/primary.ts'],
    ['src/process/primary.ts', '../keeper/keeper.ts'],
    ['src/process/lifecycle.ts', '../app.ts'],
    ['src/programs/local/main.ts', '../../core/ring/ring.ts']
  ] as const) {
    t.notOk(fault(path, specifier), `${path} ${specifier}`)
  }
  for (const [path, specifier] of [
    ['src/core/ring/ring.ts', '../../storage/memcached/client.ts'],
    ['src/core/ring/ring.ts', '../../../plugins/ring/index.ts'],
    ['src/core/ring/ring.ts', 'node:fs'],
    ['src/core/ring/ring.ts', 'fastify'],
    ['src/core/ring/ring.ts', '(computed)'],
    ['src/errors.ts', './core/ring/ring.ts'],
    ['src/limits.ts', 'node:os'],
    ['src/errors.ts', './limits.ts'],
    ['src/storage/memcached/client.ts', '../../../plugins/storage/index.ts'],
    ['src/storage/memory.ts', '../app.ts'],
    ['src/storage/memory.ts', '../keeper/guard.ts'],
    ['src/programs/local/main.ts', '../../process/config.ts'],
    ['src/programs/local/main.ts', '../../storage/memory.ts'],
    ['plugins/ring/index.ts', '../../src/app.ts'],
    ['plugins/ring/index.ts', '../../src/process/ipc.ts'],
    ['plugins/ring/index.ts', '../storage/index.ts'],
    ['src/app.ts', './main.ts'],
    ['src/app.ts', './process/lifecycle.ts'],
    ['src/process/primary.ts', '../main.ts'],
    ['src/process/tls.ts', '../../plugins/peers/hello.ts'],
    ['src/app.ts', '../test/support/checker/history.ts'],
    ['src/helpers.ts', './limits.ts']
  ] as const) {
    t.ok(fault(path, specifier), `${path} ${specifier}`)
  }
  t.notOk(fault('plugins/ring/index.ts', '../storage/index.ts', true), 'types of another plugin')
  t.ok(fault('src/core/ring/ring.ts', '../../app.ts', true), 'types go the same way as everything else')
})
