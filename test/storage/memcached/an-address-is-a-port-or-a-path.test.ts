import t from 'tap'
import { parseAddress } from '../../../src/storage/memcached/address.ts'

t.test('both forms', async t => {
  t.same(parseAddress('127.0.0.1:11211'), { host: '127.0.0.1', port: 11211 })
  t.same(parseAddress('cache.example:1'), { host: 'cache.example', port: 1 })
  t.same(parseAddress('[::1]:11211'), { host: '::1', port: 11211 })
  t.same(parseAddress('/run/memcached/s'), { path: '/run/memcached/s' })
  t.same(parseAddress('./s:1'), { path: './s:1' })
})

t.test('all else is refused in words that name the variable', async t => {
  for (const text of ['', 'localhost', ':11211', 'a:0', 'a:65536', 'a:b', 'a:1:2', '::1:11211', 'a b:1']) {
    t.throws(
      () => parseAddress(text),
      { code: 'KV_ERR_CONFIG', message: /^MEMCACHED / },
      JSON.stringify(text)
    )
  }
})
